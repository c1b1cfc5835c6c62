//! Display shutters (PS3.3 C.7.6.11): shapes outside of which the image is hidden.

use dicom_dictionary_std::tags;

use super::dataset::DataSet;

/// A polygon with more vertices is none that anybody drew.
const VERTEX_LIMIT: usize = 4096;

/// The shapes of a shutter; only what lies in all of them is seen. Rows and columns count from 1, as the standard does.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ShutterShapes {
    /// First and last column, first and last row that are seen.
    rectangle: Option<[f64; 4]>,
    /// Row and column of the centre, and the radius in columns.
    circle: Option<[f64; 3]>,
    /// Row and column of each vertex.
    polygon: Vec<[f64; 2]>,
    /// What is seen instead of the image.
    pub(crate) grey: u8,
    /// How many columns a row is high: the circle is round in millimetres.
    aspect: f64,
}

/// The shutter of a data set or a functional group, and what of it is not applied. `aspect` is the distance of rows by
/// that of columns.
pub(crate) fn shutter(dataset: &DataSet<'_>, aspect: f64) -> (Option<ShutterShapes>, Vec<String>) {
    let (mut shapes, mut faults) = (ShutterShapes { aspect, ..ShutterShapes::default() }, Vec::new());
    let mut any = false;
    for shape in dataset.texts(tags::SHUTTER_SHAPE) {
        let read = match shape.as_str() {
            "RECTANGULAR" => rectangle(dataset).map(|r| shapes.rectangle = Some(r)),
            "CIRCULAR" => circle(dataset).map(|c| shapes.circle = Some(c)),
            "POLYGONAL" => polygon(dataset).map(|p| shapes.polygon = p),
            "" => continue,
            _ => Err("this shape is not applied".to_owned()),
        };
        match read {
            Ok(()) => any = true,
            Err(why) => faults.push(format!(
                "The display shutter (0018,1600) {shape} is left out, so what it should hide is seen: {why}"
            )),
        }
    }
    // P-values have 16 bits here, whatever the display has.
    shapes.grey = (dataset.integer(tags::SHUTTER_PRESENTATION_VALUE).unwrap_or(0).clamp(0, 0xFFFF) >> 8) as u8;
    (any.then_some(shapes), faults)
}

fn rectangle(dataset: &DataSet<'_>) -> Result<[f64; 4], String> {
    let edge = |tag| dataset.number(tag);
    let edges = [
        edge(tags::SHUTTER_LEFT_VERTICAL_EDGE),
        edge(tags::SHUTTER_RIGHT_VERTICAL_EDGE),
        edge(tags::SHUTTER_UPPER_HORIZONTAL_EDGE),
        edge(tags::SHUTTER_LOWER_HORIZONTAL_EDGE),
    ];
    match edges {
        [Some(left), Some(right), Some(upper), Some(lower)] if left <= right && upper <= lower => {
            Ok([left, right, upper, lower])
        }
        [Some(_), Some(_), Some(_), Some(_)] => Err("its edges cross".to_owned()),
        _ => Err("an edge is missing".to_owned()),
    }
}

fn circle(dataset: &DataSet<'_>) -> Result<[f64; 3], String> {
    let [row, column] = dataset.vector::<2>(tags::CENTER_OF_CIRCULAR_SHUTTER).ok_or("its centre is missing")?;
    let radius =
        dataset.number(tags::RADIUS_OF_CIRCULAR_SHUTTER).filter(|r| *r >= 0.0).ok_or("its radius is missing")?;
    Ok([row, column, radius])
}

fn polygon(dataset: &DataSet<'_>) -> Result<Vec<[f64; 2]>, String> {
    let numbers = dataset.numbers(tags::VERTICES_OF_THE_POLYGONAL_SHUTTER);
    let vertices = numbers.as_chunks::<2>().0.to_vec();
    if vertices.iter().flatten().any(|x| !x.is_finite() || x.abs() > 1e9) {
        return Err("a vertex is no place".to_owned());
    }
    match vertices.len() {
        0..3 => Err(format!("it has {} vertices", vertices.len())),
        n if n > VERTEX_LIMIT => Err(format!("it has {n} vertices")),
        _ => Ok(vertices),
    }
}

impl ShutterShapes {
    /// Writes 1 for each hidden pixel of row `row` (counted from 0) and 0 for the others.
    pub(crate) fn hide_row(&self, row: usize, out: &mut [u16]) {
        let y = row as f64 + 1.0;
        let mut seen = Spans::everything();
        if let Some([left, right, upper, lower]) = self.rectangle {
            seen.keep(if (upper..=lower).contains(&y) { vec![[left, right]] } else { Vec::new() });
        }
        if let Some([center_row, center_column, radius]) = self.circle {
            let up = (y - center_row) * self.aspect;
            let half = radius.mul_add(radius, -(up * up));
            let half = (half > -ON_EDGE * radius.max(1.0)).then(|| half.max(0.0).sqrt());
            seen.keep(half.map(|h| [center_column - h, center_column + h]).into_iter().collect());
        }
        if !self.polygon.is_empty() {
            seen.keep(polygon_spans(&self.polygon, y));
        }
        for (column, value) in out.iter_mut().enumerate() {
            *value = u16::from(!seen.hold(column as f64 + 1.0));
        }
    }
}

/// Parts of a row, from and to, both included; for each shape the parts that it leaves.
struct Spans(Vec<Vec<[f64; 2]>>);

/// A pixel whose centre lies on an edge is seen; the last bit of a sum does not decide that.
const ON_EDGE: f64 = 1e-9;

impl Spans {
    fn everything() -> Self {
        Self(Vec::new())
    }

    fn keep(&mut self, spans: Vec<[f64; 2]>) {
        self.0.push(spans);
    }

    fn hold(&self, x: f64) -> bool {
        self.0.iter().all(|spans| spans.iter().any(|[a, b]| x >= a - ON_EDGE && x <= b + ON_EDGE))
    }
}

/// Where a row runs inside a polygon (even-odd), its edges included.
fn polygon_spans(vertices: &[[f64; 2]], y: f64) -> Vec<[f64; 2]> {
    let mut crossings = Vec::new();
    let mut spans = Vec::new();
    let closing = vertices.iter().skip(1).chain(vertices.first());
    for (&[y0, x0], &[y1, x1]) in vertices.iter().zip(closing) {
        let (low, high) = (y0.min(y1), y0.max(y1));
        if !(low..=high).contains(&y) {
            continue;
        }
        if y0 == y1 {
            spans.push([x0.min(x1), x0.max(x1)]);
            continue;
        }
        let x = x0 + (y - y0) * (x1 - x0) / (y1 - y0);
        // The edge itself, which the half-open count leaves out where a vertex is the lowest.
        spans.push([x, x]);
        if y < high {
            crossings.push(x);
        }
    }
    crossings.sort_by(f64::total_cmp);
    spans.extend(crossings.as_chunks::<2>().0);
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_polygon_keeps_its_edges_and_its_notch_is_hidden() {
        // A U: rows 1 to 4, the notch between columns 3 and 5 open at the top.
        let u = vec![[1.0, 1.0], [4.0, 1.0], [4.0, 7.0], [1.0, 7.0], [1.0, 5.0], [3.0, 5.0], [3.0, 3.0], [1.0, 3.0]];
        let shapes = ShutterShapes { polygon: u, aspect: 1.0, ..ShutterShapes::default() };
        let rows: Vec<Vec<u16>> = (0..5)
            .map(|row| {
                let mut out = [9; 8];
                shapes.hide_row(row, &mut out);
                out.to_vec()
            })
            .collect();
        assert_eq!(rows[0], [0, 0, 0, 1, 0, 0, 0, 1]);
        assert_eq!(rows[1], [0, 0, 0, 1, 0, 0, 0, 1]);
        assert_eq!(rows[2], [0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(rows[3], [0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(rows[4], [1; 8]);
    }
}
