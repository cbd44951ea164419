//! Answers of a hostile Redis server.
