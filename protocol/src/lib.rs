//! The words that `batt` and `batt-fleet` both speak.
