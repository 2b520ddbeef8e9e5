//! A manifest to begin with.

use super::ComponentName;

/// A manifest for a component of that name, with comments that say what can be added.
pub fn template(name: &ComponentName) -> String {
    TEMPLATE.replace("@NAME@", name.as_str())
}

const TEMPLATE: &str = r#"# What the component is, what it may use and what it may touch.
# Nothing is granted that is not asked for here.

[component]
name = "@NAME@"
version = "0.1.0"
# description = "What it does"
# authors = ["Ada <ada@example.com>"]
# license = "MIT OR Apache-2.0"
# The component's file, below this folder.
file = "component.wasm"

[resources]
# Of all linear memories; must be said.
memory = "4MiB"
# For each call.
deadline = "5s"
# fuel = 100000000
# table-elements = 100000
# handles = 1000
# host-bytes = "16MiB"

# Interfaces and packages that it needs, with the versions that fit.
[dependencies]
# "enginebay:storage" = "^1.0"

# When a host that supervises it starts it again.
# [lifecycle]
# restart = "on-failure"
# max-restarts = 5
# backoff = "100ms"

# What it is told when it starts, as JSON text: whatever it knows.
# [config]
# greeting = "Hello"

# What it may touch: a list is of what it cannot do without, and
# { required = [...], optional = [...] } says which is which.

# [permissions.filesystem]
# read = ["/data/**"]
# write = { optional = ["/data/out/*.txt"] }
# delete = []
# list = ["/data"]

# [permissions.network]
# connect = ["*.example.com:443"]
# listen = ["127.0.0.1:8080"]
# resolve = ["*.example.com"]
# max-bytes-per-day = "1GiB"
# max-requests-per-minute = 1000

# [permissions.process]
# spawn = ["/usr/bin/git"]
# signal = []
# kill = []
# inspect = []

# [permissions.storage]
# read = ["@NAME@:*"]
# write = ["@NAME@:*"]
# delete = ["@NAME@:*"]
# list = ["@NAME@:*"]
# max-bytes = "10MiB"

# [permissions.messaging]
# send = ["other-component"]
# request = ["other-component"]
# publish = ["events.*"]
# subscribe = ["events.**"]
# max-per-minute = 1000
"#;
