//! All commands, series and presets, found by a few letters.
