//! Frames as they stand on a screen. The bytes between them are tested by drawing them on a screen of our own.
