//! `Component.toml`: what a component is, what it asks for and what it may use.
