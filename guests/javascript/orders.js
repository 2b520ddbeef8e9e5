// A command: reads orders from a JSON file, prints what each customer owes and writes the
// same as JSON. It is given the two files as arguments, and the currency as a variable of
// the environment. `python/orders.py` is the same command.
import { getArguments, getEnvironment } from "wasi:cli/environment@0.2.0";
import { getDirectories } from "wasi:filesystem/preopens@0.2.0";

// The folder that was granted and the rest of the path.
function locate(path) {
  for (const [folder, name] of getDirectories()) {
    const prefix = name.endsWith("/") ? name : `${name}/`;
    if (path.startsWith(prefix)) {
      return [folder, path.slice(prefix.length)];
    }
  }
  throw new Error(`no folder was granted for ${path}`);
}

function readFile(path) {
  const [folder, rest] = locate(path);
  const file = folder.openAt({ symlinkFollow: true }, rest, {}, { read: true });
  const bytes = [];
  for (let end = false; !end; ) {
    const [part, last] = file.read(65536n, BigInt(bytes.length));
    for (const byte of part) {
      bytes.push(byte);
    }
    end = last;
  }
  return new Uint8Array(bytes);
}

function writeFile(path, text) {
  const [folder, rest] = locate(path);
  const options = { create: true, truncate: true };
  const file = folder.openAt({ symlinkFollow: true }, rest, options, { write: true });
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; ) {
    at += Number(file.write(bytes.subarray(at), BigInt(at)));
  }
}

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) {
      crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
    }
  }
  return (~crc >>> 0).toString(16).padStart(8, "0");
}

function amount(cents) {
  return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")}`;
}

// The order of code points, which does not depend on a language.
function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

function main([, source, target]) {
  const currency = new Map(getEnvironment()).get("CURRENCY") ?? "EUR";
  const data = readFile(source);
  const { orders } = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(data));

  const owed = new Map();
  const items = new Map();
  for (const order of orders) {
    for (const { count, cents } of order.items) {
      items.set(order.customer, (items.get(order.customer) ?? 0) + count);
      owed.set(order.customer, (owed.get(order.customer) ?? 0) + count * cents);
    }
  }

  const byAmount = [...owed].sort(([a, x], [b, y]) => y - x || compare(a, b));
  for (const [name, cents] of byAmount) {
    console.log(`${name}: ${items.get(name)} items, ${amount(cents)} ${currency}`);
  }
  const total = byAmount.reduce((sum, [, cents]) => sum + cents, 0);
  console.log(`${orders.length} orders, ${amount(total)} ${currency}`);
  console.log(`checksum ${crc32(data)}`);

  const sorted = [...owed].sort(([a], [b]) => compare(a, b));
  writeFile(target, JSON.stringify({ currency, owed: Object.fromEntries(sorted) }));
}

export const run = {
  run() {
    try {
      main(getArguments());
    } catch (error) {
      console.error(`error: ${error.payload ?? error.name}`);
      // The `err` of the result.
      throw undefined;
    }
  },
};
