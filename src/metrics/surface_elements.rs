//! The surface between the voxels of a mask: how much of it lies in each cube of eight (square of four) voxel centres.
//!
//! Marching cubes (Lorensen and Cline 1987) at level one half: the surface cuts an edge between a voxel inside and one
//! outside in its middle. Which eight are inside is a code of 8 bits, and the area for each code follows from four
//! rules, which give the areas of DeepMind's surface-distance for any spacing:
//!
//! - where more than four voxels are inside, the roles are swapped;
//! - voxels inside that touch only over a face's diagonal or the cube's are apart;
//! - the middles of the cut edges are joined over the cube's faces into closed polygons;
//! - a polygon is made of those triangles that have the largest area at equal spacing (only two kinds of polygon are
//!   not flat, and there it matters).
//!
//! For a single slice the squares of four centres hold line pieces instead, by the first three rules.

/// Area of the surface, mm², in a cube of eight voxel centres for each code, by the spacing `[x, y, z]`, mm. The voxel
/// at `(dx, dy, dz)` of the cube has the bit `7 - (4 dz + 2 dy + dx)`.
#[must_use]
pub fn surface_areas(spacing_mm: [f64; 3]) -> [f64; 256] {
    std::array::from_fn(|code| cut_polygons(code as u8).iter().map(|p| largest_split(p).area(spacing_mm)).sum())
}

/// Length of the contour, mm, in a square of four voxel centres for each code, by the spacing `[x, y]`, mm. The pixel at
/// `(dx, dy)` has the bit `3 - (2 dy + dx)`.
#[must_use]
pub fn contour_lengths([dx, dy]: [f64; 2]) -> [f64; 16] {
    let diagonal = 0.5 * (dx * dx + dy * dy).sqrt();
    std::array::from_fn(|code| match code {
        0b0000 | 0b1111 => 0.0,
        0b0011 | 0b1100 => dx,
        0b0101 | 0b1010 => dy,
        0b0110 | 0b1001 => 2.0 * diagonal,
        _ => diagonal,
    })
}

/// A place in the cube in half voxels: corners are even, middles of edges have one odd coordinate.
type Place = [u8; 3];

/// Polygons around the voxels inside, as the middles of the edges that they cut.
fn cut_polygons(code: u8) -> Vec<Vec<Place>> {
    let few = if code.count_ones() <= 4 { code } else { !code };
    let is_inside = |p: Place| few >> (7 - (2 * p[2] + p[1] + p[0] / 2)) & 1 == 1;
    let mut sides: Vec<(Place, Place)> = (0..6).flat_map(|face| face_sides(face, is_inside)).collect();
    let mut polygons = Vec::new();
    while let Some((first, mut last)) = sides.pop() {
        let mut polygon = vec![first];
        while let Some(next) = sides.iter().position(|(a, b)| *a == last || *b == last) {
            let (a, b) = sides.swap_remove(next);
            polygon.push(last);
            last = if a == last { b } else { a };
        }
        polygons.push(polygon);
    }
    polygons
}

/// The polygons' sides that lie in one face of the cube: each goes around one run of corners inside.
fn face_sides(face: usize, is_inside: impl Fn(Place) -> bool) -> Vec<(Place, Place)> {
    let axis = face % 3;
    let corner = |n: usize| -> Place {
        let mut place = [0; 3];
        place[axis] = if face < 3 { 0 } else { 2 };
        // Around the face: (0, 0), (1, 0), (1, 1), (0, 1).
        place[(axis + 1) % 3] = if n % 4 == 1 || n % 4 == 2 { 2 } else { 0 };
        place[(axis + 2) % 3] = if n % 4 >= 2 { 2 } else { 0 };
        place
    };
    let middle = |n: usize| -> Place {
        let (a, b) = (corner(n), corner(n + 1));
        [0, 1, 2].map(|k| (a[k] + b[k]) / 2)
    };
    let mut sides = Vec::new();
    for start in 0..4 {
        // A run of corners inside begins here; `start + 3` is the corner before.
        if is_inside(corner(start)) && !is_inside(corner(start + 3)) {
            let length = (1..4).find(|n| !is_inside(corner(start + n))).unwrap_or(4);
            sides.push((middle(start + 3), middle(start + length - 1)));
        }
    }
    sides
}

/// A polygon cut into triangles.
#[derive(Debug, Clone, Default)]
struct Triangles(Vec<[Place; 3]>);

impl Triangles {
    fn area(&self, spacing_mm: [f64; 3]) -> f64 {
        self.0.iter().map(|triangle| triangle_area(*triangle, spacing_mm)).sum()
    }
}

fn triangle_area([a, b, c]: [Place; 3], spacing_mm: [f64; 3]) -> f64 {
    let edge = |to: Place| [0, 1, 2].map(|k| 0.5 * (f64::from(to[k]) - f64::from(a[k])) * spacing_mm[k]);
    let (u, v) = (edge(b), edge(c));
    let normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    0.5 * normal.iter().map(|n| n * n).sum::<f64>().sqrt()
}

/// The triangles over a polygon's corners with the largest area at equal spacing; the first of equal ones.
fn largest_split(polygon: &[Place]) -> Triangles {
    let [first, middle @ .., last] = polygon else { return Triangles::default() };
    let mut largest = (Triangles::default(), 0.0);
    // Every split has one triangle over the side from last to first; what lies on either side of it is split alike.
    for (n, tip) in middle.iter().enumerate() {
        let (left, right) = (largest_split(&polygon[..n + 2]), largest_split(&polygon[n + 1..]));
        let triangles = Triangles([vec![[*first, *tip, *last]], left.0, right.0].concat());
        let area = triangles.area([1.0; 3]);
        if area > largest.1 + 1e-9 {
            largest = (triangles, area);
        }
    }
    largest.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_shapes_have_their_areas() {
        let areas = surface_areas([1.0, 1.0, 1.0]);
        let is = |code: usize, area: f64| assert!((areas[code] - area).abs() < 1e-12, "{code}: {}", areas[code]);
        is(0b0000_0000, 0.0);
        is(0b1111_1111, 0.0);
        is(0b0000_0001, 3.0_f64.sqrt() / 8.0);
        is(0b0000_1111, 1.0);
        is(0b0001_0111, 3.0 * 3.0_f64.sqrt() / 4.0);
        is(0b0110_1001, 3.0_f64.sqrt() / 2.0);
    }

    #[test]
    fn flat_layers_have_the_area_of_the_voxel_face_that_they_follow() {
        let areas = surface_areas([2.0, 3.0, 5.0]);
        let is = |code: usize, area: f64| assert!((areas[code] - area).abs() < 1e-12, "{code}: {}", areas[code]);
        is(0b1111_0000, 6.0);
        is(0b1100_1100, 10.0);
        is(0b1010_1010, 15.0);
    }
}
