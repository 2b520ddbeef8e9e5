"""A command: reads orders from a JSON file, prints what each customer owes and writes the
same as JSON. It is given the two files as arguments, and the currency as a variable of the
environment. `javascript/orders.js` is the same command."""

import json
import os
import sys
from collections import Counter
from zlib import crc32

from componentize_py_types import Err
from wit_world import exports


def amount(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def main(source: str, target: str) -> None:
    currency = os.environ.get("CURRENCY", "EUR")
    with open(source, "rb") as file:
        data = file.read()
    orders = json.loads(data)["orders"]

    items: Counter[str] = Counter()
    owed: Counter[str] = Counter()
    for order in orders:
        for item in order["items"]:
            items[order["customer"]] += item["count"]
            owed[order["customer"]] += item["count"] * item["cents"]

    for name in sorted(owed, key=lambda name: (-owed[name], name)):
        print(f"{name}: {items[name]} items, {amount(owed[name])} {currency}")
    print(f"{len(orders)} orders, {amount(owed.total())} {currency}")
    print(f"checksum {crc32(data):08x}")

    report = {"currency": currency, "owed": {name: owed[name] for name in sorted(owed)}}
    with open(target, "w", encoding="utf-8") as file:
        json.dump(report, file, ensure_ascii=False, separators=(",", ":"))


class Run(exports.Run):
    def run(self) -> None:
        try:
            _, source, target = sys.argv
            main(source, target)
        except (OSError, ValueError, KeyError) as error:
            print(f"error: {type(error).__name__}", file=sys.stderr)
            raise Err(None)
        finally:
            sys.stdout.flush()
