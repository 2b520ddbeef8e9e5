//! Values by key, in namespaces, on disk.
