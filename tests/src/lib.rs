//! What the black-box tests share: private servers, private homes, and the two programs under test.
