//! CSV and Parquet hold the same; Parquet is read back. By pyarrow: `tests/expected/check_parquet.py`.

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use veritome::evaluate::{RunOptions, Statistics, write_results};

use super::tiny::{TinyWork, evaluate, image_plan, setting, write_cases, write_plan};

fn csv_cells(path: &std::path::Path) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path).unwrap();
    reader.records().map(|r| r.unwrap().iter().map(str::to_owned).collect()).collect()
}

fn parquet_cells(path: &std::path::Path) -> Vec<Vec<String>> {
    let reader = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
    let names = reader.metadata().file_metadata().schema().get_fields().iter().map(|f| f.name().to_owned()).collect();
    let word = |field: &Field| match field {
        Field::Null => String::new(),
        Field::Str(text) => text.clone(),
        Field::Double(v) => v.to_string(),
        Field::Long(v) => v.to_string(),
        other => panic!("{other:?}"),
    };
    let rows =
        reader.get_row_iter(None).unwrap().map(|row| row.unwrap().get_column_iter().map(|(_, f)| word(f)).collect());
    std::iter::once(names).chain(rows).collect()
}

#[test]
fn csv_and_parquet_hold_the_same_cells() {
    let folder = tempfile::tempdir().unwrap();
    write_cases(folder.path(), 6);
    std::fs::write(folder.path().join("data/p05/t1.raw"), b"short, with \"quotes\"").unwrap();
    let plan = write_plan(folder.path(), &image_plan(""));
    let evaluation = evaluate(&plan, &TinyWork::default(), RunOptions::default()).unwrap();
    let statistics = Statistics::of(&evaluation).unwrap();
    let written = write_results(&evaluation, &statistics, &setting()).unwrap();
    let csv: Vec<_> = written.tables.iter().filter(|p| p.extension().is_some_and(|e| e == "csv")).collect();
    assert_eq!(csv.len(), 5);
    for path in csv {
        let cells = csv_cells(path);
        assert_eq!(cells, parquet_cells(&path.with_extension("parquet")), "{}", path.display());
        assert!(cells.len() > 1 && cells.iter().all(|row| row.len() == cells[0].len()));
    }
    let long = csv_cells(&folder.path().join("results/long.csv"));
    assert_eq!(long.len(), 1 + 6 * 2 * evaluation.measures.len());
    assert_eq!(long[0][..7], ["case", "patient", "model", "measure", "value", "unit", "reason"]);
    let failed: Vec<_> = long.iter().filter(|row| row[0] == "p05" && row[2] == "steady").collect();
    assert!(failed.iter().all(|row| row[4].is_empty() && row[6].contains("expected 5760 voxels")));
    let wide = csv_cells(&folder.path().join("results/wide.csv"));
    assert_eq!(wide.len(), 1 + 12);
    assert_eq!((wide[1][0].as_str(), wide[1][3].as_str(), wide[12][3].as_str()), ("p00", "done", "failed"));
}
