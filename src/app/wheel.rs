//! One notch of the wheel counts once.
//!
//! X servers without smooth scrolling (virtual ones, remote desktops) tell of a notch by pressing and releasing button 4
//! or 5, and winit 0.30 makes a turn of the wheel of each of the two. Servers with smooth scrolling tell of it once.

use eframe::egui::{Event, MouseWheelUnit, RawInput};

/// Leaves out the second half of every notch where the server tells of two.
#[derive(Debug, Default)]
pub(crate) struct Wheel {
    twice: bool,
    half: bool,
}

impl Wheel {
    /// Looks what the display does; takes about a millisecond.
    pub fn of_display() -> Self {
        Self { twice: notches_come_twice(), half: false }
    }

    /// Leaves out what came twice.
    pub fn filter(&mut self, input: &mut RawInput) {
        if !self.twice {
            return;
        }
        input.events.retain(|event| {
            if let Event::MouseWheel { unit: MouseWheelUnit::Line, .. } = event {
                self.half = !self.half;
                self.half
            } else {
                true
            }
        });
    }
}

#[cfg(target_os = "linux")]
fn notches_come_twice() -> bool {
    use x11rb::protocol::xinput::{ConnectionExt as _, DeviceClassData, DeviceType};
    let set = |name| std::env::var_os(name).is_some_and(|v: std::ffi::OsString| !v.is_empty());
    if set("WAYLAND_DISPLAY") || !set("DISPLAY") {
        return false;
    }
    let smooth = || -> Option<bool> {
        const ALL_DEVICES: u16 = 0;
        let (connection, _) = x11rb::connect(None).ok()?;
        connection.xinput_xi_query_version(2, 2).ok()?.reply().ok()?;
        let devices = connection.xinput_xi_query_device(ALL_DEVICES).ok()?.reply().ok()?;
        Some(
            devices
                .infos
                .iter()
                .filter(|d| d.type_ == DeviceType::SLAVE_POINTER)
                .any(|device| device.classes.iter().any(|class| matches!(class.data, DeviceClassData::Scroll(_)))),
        )
    };
    smooth() == Some(false)
}

#[cfg(not(target_os = "linux"))]
fn notches_come_twice() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use eframe::egui::{Modifiers, MouseWheelSource, TouchPhase, vec2};

    use super::*;

    #[test]
    fn a_notch_that_comes_twice_counts_once_even_over_two_frames() {
        let turn = || Event::MouseWheel {
            unit: MouseWheelUnit::Line,
            delta: vec2(0.0, -1.0),
            phase: TouchPhase::Move,
            source: MouseWheelSource::Wheel,
            modifiers: Modifiers::NONE,
        };
        let mut wheel = Wheel { twice: true, half: false };
        let mut left = 0;
        for frame in [3, 1] {
            let mut input = RawInput { events: (0..frame).map(|_| turn()).collect(), ..RawInput::default() };
            wheel.filter(&mut input);
            left += input.events.len();
        }
        assert_eq!(left, 2);
    }
}
