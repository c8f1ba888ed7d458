//! Loads provider plugins and runs their steps in a WebAssembly sandbox.
