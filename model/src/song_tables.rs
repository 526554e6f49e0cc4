//! `songs.parquet` and `artists.parquet`.

use std::io::Write;

use bytes::Bytes;
use parquet::{
    basic::Encoding,
    data_type::{ByteArray, ByteArrayType, Int32Type},
    errors::Result,
};

use crate::{
    ArtistId, Artists, SongId, Songs,
    columns::{Lists, create, for_each_row_group, integers, invalid, read, read_lists, unsigned, write},
};

/// Rows in a row group: few enough that no more than some megabytes of strings are there twice.
const ROW_GROUP_ROWS: usize = 1 << 17;

const ZSTD_LEVEL: i32 = 3;

/// The most bytes that the texts of a row group may have together: 2 KiB a row as we write them. A dictionary lets a few bytes stand for a long
/// text in every row.
const MAX_GROUP_TEXT_BYTES: usize = 1 << 28;

const SONGS_SCHEMA: &str = "message songs {
    required int32 id;
    required binary title (STRING);
    required binary artist (STRING);
    required binary uri (STRING);
    required group uris (LIST) { repeated group list { required binary element (STRING); } }
    required int32 support_count;
}";

const ARTISTS_SCHEMA: &str = "message artists {
    required int32 id;
    required binary name (STRING);
    required int32 support_count;
    required group songs (LIST) { repeated group list { required int32 element; } }
}";

pub(crate) fn write_songs<W: Write + Send>(songs: &Songs, sink: W) -> Result<W> {
    let mut file = create(sink, SONGS_SCHEMA, ZSTD_LEVEL, &[("id", Encoding::DELTA_BINARY_PACKED)])?;
    let ids: Vec<SongId> = (0..songs.len() as SongId).collect();
    for ids in ids.chunks(ROW_GROUP_ROWS) {
        let mut group = file.next_row_group()?;
        let text = |of: fn(&Songs, SongId) -> &str| {
            ids.iter().map(|&id| ByteArray::from(of(songs, id))).collect::<Vec<_>>()
        };
        write::<Int32Type>(&mut group, &integers(ids)?)?;
        write::<ByteArrayType>(&mut group, &text(|songs, id| songs.get(id).title))?;
        write::<ByteArrayType>(&mut group, &text(|songs, id| songs.get(id).artist))?;
        write::<ByteArrayType>(&mut group, &text(|songs, id| songs.get(id).uri))?;
        let mut uris = Lists::default();
        for &id in ids {
            uris.push(songs.uris(id).map(ByteArray::from));
        }
        uris.write::<ByteArrayType>(&mut group)?;
        let support_counts = &songs.support_counts()[ids[0] as usize..][..ids.len()];
        write::<Int32Type>(&mut group, &integers(support_counts)?)?;
        group.close()?;
    }
    file.into_inner()
}

pub(crate) fn read_songs(bytes: Bytes, rows: u64) -> Result<Songs> {
    let mut songs = Songs::default();
    for_each_row_group(bytes, SONGS_SCHEMA, rows, |group, rows, _| {
        let ids = read::<Int32Type>(group, 0, rows)?;
        let titles = read::<ByteArrayType>(group, 1, rows)?;
        let artists = read::<ByteArrayType>(group, 2, rows)?;
        let uris = read::<ByteArrayType>(group, 3, rows)?;
        let all_uris = read_lists::<ByteArrayType>(group, 4, rows)?;
        let support_counts = unsigned(read::<Int32Type>(group, 5, rows)?)?;
        check_text_bytes(&[&titles, &artists, all_uris.values()])?;
        for row in 0..rows {
            let all_uris = all_uris.get(row).iter().map(text).collect::<Result<Vec<_>>>()?;
            if text(&uris[row])? != all_uris.first().copied().unwrap_or_default() {
                return Err(invalid(format!(
                    "the `uri` of song {} is not the first of its `uris`",
                    ids[row]
                )));
            }
            let id = songs
                .push(text(&titles[row])?, text(&artists[row])?, all_uris, support_counts[row])
                .map_err(invalid)?;
            check_id(ids[row], id)?;
        }
        Ok(())
    })?;
    Ok(songs)
}

pub(crate) fn write_artists<W: Write + Send>(artists: &Artists, sink: W) -> Result<W> {
    let mut file = create(
        sink,
        ARTISTS_SCHEMA,
        ZSTD_LEVEL,
        &[("id", Encoding::DELTA_BINARY_PACKED), ("songs.list.element", Encoding::DELTA_BINARY_PACKED)],
    )?;
    let ids: Vec<ArtistId> = (0..artists.len() as ArtistId).collect();
    for ids in ids.chunks(ROW_GROUP_ROWS) {
        let mut group = file.next_row_group()?;
        let artists: Vec<_> = ids.iter().map(|&id| artists.get(id)).collect();
        let names: Vec<_> = artists.iter().map(|artist| ByteArray::from(artist.name)).collect();
        let support_counts: Vec<_> = artists.iter().map(|artist| artist.support_count).collect();
        let mut songs = Lists::default();
        for artist in &artists {
            songs.push(integers(artist.songs)?);
        }
        write::<Int32Type>(&mut group, &integers(ids)?)?;
        write::<ByteArrayType>(&mut group, &names)?;
        write::<Int32Type>(&mut group, &integers(&support_counts)?)?;
        songs.write::<Int32Type>(&mut group)?;
        group.close()?;
    }
    file.into_inner()
}

pub(crate) fn read_artists(bytes: Bytes, rows: u64) -> Result<Artists> {
    let mut artists = Artists::default();
    for_each_row_group(bytes, ARTISTS_SCHEMA, rows, |group, rows, _| {
        let ids = read::<Int32Type>(group, 0, rows)?;
        let names = read::<ByteArrayType>(group, 1, rows)?;
        let support_counts = unsigned(read::<Int32Type>(group, 2, rows)?)?;
        let songs = read_lists::<Int32Type>(group, 3, rows)?.try_map(unsigned)?;
        check_text_bytes(&[&names])?;
        for row in 0..rows {
            let id =
                artists.push(text(&names[row])?, support_counts[row], songs.get(row)).map_err(invalid)?;
            check_id(ids[row], id)?;
        }
        Ok(())
    })?;
    Ok(artists)
}

fn check_text_bytes(columns: &[&[ByteArray]]) -> Result<()> {
    let bytes = columns.iter().copied().flatten().fold(0, |sum: usize, text| sum.saturating_add(text.len()));
    match bytes > MAX_GROUP_TEXT_BYTES {
        true => Err(invalid(format!(
            "the texts of a row group have {bytes} bytes, more than {MAX_GROUP_TEXT_BYTES}"
        ))),
        false => Ok(()),
    }
}

fn text(value: &ByteArray) -> Result<&str> {
    value.as_utf8()
}

fn check_id(found: i32, expected: u32) -> Result<()> {
    if u32::try_from(found) == Ok(expected) {
        Ok(())
    } else {
        Err(invalid(format!("row {expected} has the id {found}; ids must be the positions of the rows")))
    }
}
