//! SQLite and PostgreSQL behind one set of ports.
