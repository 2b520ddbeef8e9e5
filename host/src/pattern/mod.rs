//! Patterns of paths, hosts, namespaces, topics and commands.
