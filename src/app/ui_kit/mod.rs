//! The look of the window: tokens, fonts, icons, and the widgets that panels share.
//!
//! - [`theme`]: colours and sizes out of `assets/theme.toml`, applied to egui's style
//! - [`widgets`]: buttons that speak [`Action`](super::action::Action), icons, badges, rows
//! - [`halo`]: text over images
//! - [`toast`]: short messages, and the log behind them

pub(crate) mod halo;
pub(crate) mod theme;
pub(crate) mod toast;
pub(crate) mod widgets;
