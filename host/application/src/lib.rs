//! Use cases of the payments gateway and the ports they need.
