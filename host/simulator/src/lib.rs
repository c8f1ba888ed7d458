//! Stateful stand-ins of payment providers, speaking their wire protocol.
