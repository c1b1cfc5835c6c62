//! Tables as CSV (RFC 4180, UTF-8, empty cells for what is missing) and as Parquet (nullable columns, Snappy).

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};

use super::tables::{Cells, DataTable};

/// Writes a table as CSV. Numbers have all the digits that bring the same double back.
///
/// # Errors
/// When `to` does not take it.
pub fn write_csv(table: &DataTable, to: &mut dyn Write) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(to);
    csv.write_record(table.columns.iter().map(|c| c.name.as_str()))?;
    for row in 0..table.rows() {
        let cell = |cells: &Cells| match cells {
            Cells::Text(c) => c.get(row).cloned().flatten(),
            Cells::Number(c) => c.get(row).copied().flatten().map(|v| v.to_string()),
            Cells::Count(c) => c.get(row).copied().flatten().map(|v| v.to_string()),
        };
        csv.write_record(table.columns.iter().map(|c| cell(&c.cells).unwrap_or_default()))?;
    }
    csv.flush()
}

/// Writes a table as Parquet with `facts` (names and values) in the file's own metadata.
///
/// # Errors
/// When `to` does not take it.
pub fn write_parquet(table: &DataTable, facts: &[(&str, &str)], to: &mut dyn Write) -> io::Result<()> {
    parquet(table, facts, to).map_err(io::Error::other)
}

fn parquet(table: &DataTable, facts: &[(&str, &str)], to: &mut dyn Write) -> Result<(), ParquetError> {
    let fields = table.columns.iter().map(|c| field(&c.name, &c.cells)).collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(Type::group_type_builder("veritome").with_fields(fields).build()?);
    let facts = facts.iter().map(|(name, value)| KeyValue::new((*name).to_owned(), (*value).to_owned())).collect();
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(format!("veritome {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(facts))
        .build();
    // The writer wants to send what it writes to other threads, which a borrowed one cannot be.
    let mut file = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
    let mut group = file.next_row_group()?;
    for column in &table.columns {
        match &column.cells {
            Cells::Text(cells) => {
                let cells: Vec<Option<ByteArray>> = cells.iter().map(|c| c.as_deref().map(ByteArray::from)).collect();
                write_column::<ByteArrayType>(&mut group, &cells)?;
            }
            Cells::Number(cells) => write_column::<DoubleType>(&mut group, cells)?,
            Cells::Count(cells) => write_column::<Int64Type>(&mut group, cells)?,
        }
    }
    group.close()?;
    to.write_all(&file.into_inner()?)?;
    Ok(())
}

fn field(name: &str, cells: &Cells) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match cells {
        Cells::Text(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        Cells::Number(_) => (Physical::DOUBLE, None),
        Cells::Count(_) => (Physical::INT64, None),
    };
    let field = Type::primitive_type_builder(name, physical);
    Ok(Arc::new(field.with_repetition(Repetition::OPTIONAL).with_logical_type(logical).build()?))
}

/// Values that are there, and a level for each row: 1 where it is.
fn write_column<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    cells: &[Option<T::T>],
) -> Result<(), ParquetError> {
    let Some(mut column) = group.next_column()? else {
        return Err(ParquetError::General("more columns than the schema has".into()));
    };
    let values: Vec<T::T> = cells.iter().flatten().cloned().collect();
    let levels: Vec<i16> = cells.iter().map(|c| i16::from(c.is_some())).collect();
    column.typed::<T>().write_batch(&values, Some(&levels), None)?;
    column.close()
}
