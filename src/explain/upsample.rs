//! Coarse maps brought onto the image's grid.

use super::scored::voxels;

/// Linear, over the same field of view: voxel faces stay where they are (`align_corners = false`), as a network's
/// pooling leaves them.
pub(super) fn upsample(map: &[f32], from: [usize; 3], to: [usize; 3]) -> Vec<f32> {
    if from == to {
        return map.to_vec();
    }
    let axes = [0, 1, 2].map(|a| {
        let last = from[a].saturating_sub(1);
        let scale = from[a] as f32 / to[a].max(1) as f32;
        (0..to[a])
            .map(|v| {
                let at = ((v as f32 + 0.5) * scale - 0.5).clamp(0.0, last as f32);
                let low = (at as usize).min(last);
                (low, (low + 1).min(last), at - low as f32)
            })
            .collect::<Vec<_>>()
    });
    let at = |x: usize, y: usize, z: usize| map[(z * from[1] + y) * from[0] + x];
    let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
    let mut out = Vec::with_capacity(voxels(to));
    for (z0, z1, tz) in &axes[2] {
        for (y0, y1, ty) in &axes[1] {
            let row = |x: usize| {
                mix(mix(at(x, *y0, *z0), at(x, *y1, *z0), *ty), mix(at(x, *y0, *z1), at(x, *y1, *z1), *ty), *tz)
            };
            out.extend(axes[0].iter().map(|(x0, x1, tx)| mix(row(*x0), row(*x1), *tx)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// torch.nn.functional.interpolate([[0., 4.]], size=4, mode="linear", align_corners=False) = [0, 1, 3, 4].
    #[test]
    fn values_are_torchs() {
        assert_eq!(upsample(&[0.0, 4.0], [2, 1, 1], [4, 1, 1]), [0.0, 1.0, 3.0, 4.0]);
        assert_eq!(upsample(&[0.0, 4.0], [1, 2, 1], [1, 4, 2]), [0.0, 1.0, 3.0, 4.0, 0.0, 1.0, 3.0, 4.0]);
    }
}
