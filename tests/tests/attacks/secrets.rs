//! What other accounts of the host can read.
