//! What comes by the line of a controller.
