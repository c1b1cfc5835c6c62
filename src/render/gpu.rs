//! Pictures by the shaders in `shaders/`.
