//! Whether a component fits a host: versions and types of what it imports and exports.
