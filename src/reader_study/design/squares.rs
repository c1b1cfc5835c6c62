//! Williams squares: in which order each block of cases goes through the conditions.

/// How many rows the square of `n` conditions has: `n` for an even `n`, `2 n` for an odd one.
#[must_use]
pub fn williams_rows(n: usize) -> usize {
    if n.is_multiple_of(2) { n } else { 2 * n }
}

/// One row of the Williams square of `n` conditions, which stand for themselves as `0..n`.
///
/// Row 0 is 0, 1, n-1, 2, n-2, …; row r adds r modulo n. For an odd `n` the rows from `n` on are the mirror of the
/// first `n`. Rows beyond [`williams_rows`] begin again. Every `n` rows from a multiple of `n` on are a Latin square.
///
/// Over all rows, every condition stands in every place equally often, and every ordered pair of neighbours is equally
/// frequent (Williams 1949).
#[must_use]
pub fn williams_row(n: usize, row: usize) -> Vec<usize> {
    let first = (0..n).map(|place| if place.is_multiple_of(2) { (n - place / 2) % n } else { place.div_ceil(2) });
    let mut cells: Vec<usize> = first.map(|cell| (cell + row) % n).collect();
    if n % 2 == 1 && (row / n) % 2 == 1 {
        cells.reverse();
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_is_that_of_the_definition() {
        assert_eq!(williams_row(6, 0), [0, 1, 5, 2, 4, 3]);
        assert_eq!(williams_row(5, 0), [0, 1, 4, 2, 3]);
        assert_eq!(williams_row(5, 6), [4, 3, 0, 2, 1]);
        assert_eq!((williams_row(2, 0), williams_row(2, 1)), (vec![0, 1], vec![1, 0]));
        assert_eq!((williams_row(1, 0), williams_row(0, 0).len()), (vec![0], 0));
    }

    #[test]
    fn every_condition_is_once_in_each_row_and_equally_often_in_each_place() {
        for n in 2..=9 {
            let rows = williams_rows(n);
            let mut in_place = vec![vec![0; n]; n];
            for row in 0..rows {
                let cells = williams_row(n, row);
                let mut sorted = cells.clone();
                sorted.sort_unstable();
                assert_eq!(sorted, (0..n).collect::<Vec<_>>());
                for (place, cell) in cells.into_iter().enumerate() {
                    in_place[place][cell] += 1;
                }
            }
            assert!(in_place.iter().flatten().all(|count| *count == rows / n), "{n}: {in_place:?}");
        }
    }

    #[test]
    fn every_ordered_pair_of_neighbours_is_equally_frequent() {
        for n in 2..=9 {
            let mut followed_by = vec![vec![0; n]; n];
            for row in 0..williams_rows(n) {
                for pair in williams_row(n, row).windows(2) {
                    followed_by[pair[0]][pair[1]] += 1;
                }
            }
            for (a, counts) in followed_by.iter().enumerate() {
                for (b, count) in counts.iter().enumerate() {
                    let expected = if a == b { 0 } else { williams_rows(n) / n };
                    assert_eq!(*count, expected, "{n}: {a} before {b}");
                }
            }
        }
    }

    #[test]
    fn each_run_of_rows_from_a_multiple_is_a_latin_square() {
        for n in 2..=9 {
            for start in (0..williams_rows(n)).step_by(n) {
                for place in 0..n {
                    let mut column: Vec<usize> = (start..start + n).map(|row| williams_row(n, row)[place]).collect();
                    column.sort_unstable();
                    assert_eq!(column, (0..n).collect::<Vec<_>>());
                }
            }
        }
    }
}
