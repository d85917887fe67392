// docs/segment_format.md is the specification of what is on the disk: its tables are those of the code, and the bytes of
// its example are what it says they are.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "engine/byte_io.h"
#include "engine/checksum.h"
#include "engine/frame.h"
#include "engine/journal_record.h"
#include "engine/record_batch.h"
#include "engine/segment_header.h"
#include "tools/log_text.h"

namespace penstock {
namespace {

using Row = std::tuple<int, int, std::string>;  // byte, size, field
using Rows = std::vector<Row>;

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(std::string(PENSTOCK_SOURCE_ROOT "/") + path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  EXPECT_FALSE(lines.empty()) << path;
  return lines;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream words(text);
  return {std::istream_iterator<std::string>(words), {}};
}

bool is_number(const std::string& word) {
  return !word.empty() && word.find_first_not_of("0123456789") == std::string::npos;
}

// The first words of a line's columns: between bars on the page, apart in a header's comment.
std::vector<std::string> columns_of(std::string line) {
  const bool page = line.starts_with("| ");
  if (!page && !line.starts_with("// ")) return {};
  line.erase(0, 2);
  if (!page) return words_of(line);
  std::vector<std::string> columns;
  std::istringstream cells(line);
  for (std::string cell; std::getline(cells, cell, '|');) {
    const std::vector<std::string> words = words_of(cell);
    columns.push_back(words.empty() ? "" : words.front());
  }
  return columns;
}

std::optional<Row> row_of(const std::string& line) {
  const std::vector<std::string> columns = columns_of(line);
  if (columns.size() < 3 || !is_number(columns[0]) || !is_number(columns[1])) return std::nullopt;
  return Row{std::stoi(columns[0]), std::stoi(columns[1]), columns[2]};
}

// A table ends where a line is neither a row of it nor goes on with a row's meaning.
std::vector<Rows> tables_in(const std::string& path) {
  std::vector<Rows> tables(1);
  for (const std::string& line : lines_of(path)) {
    if (const std::optional<Row> row = row_of(line)) {
      tables.back().push_back(*row);
    } else if (!tables.back().empty() && !line.starts_with("//                   ")) {
      tables.emplace_back();
    }
  }
  tables.pop_back();
  return tables;
}

Rows table_of_header(const std::string& path) {
  const std::vector<Rows> tables = tables_in(path);
  EXPECT_EQ(tables.size(), 1u) << path;
  return tables.empty() ? Rows() : tables.front();
}

TEST(SegmentFormat, HasTheTablesOfTheHeaders) {
  const std::vector<Rows> page = tables_in("docs/segment_format.md");
  const std::vector<std::string> headers = {"engine/data_directory.h", "engine/journal.h",
                                            "engine/journal_record.h", "engine/segment_header.h",
                                            "engine/frame.h",          "engine/record_batch.h"};
  ASSERT_EQ(page.size(), headers.size());
  for (size_t i = 0; i < headers.size(); ++i) {
    EXPECT_EQ(page[i], table_of_header(headers[i])) << headers[i];
  }
}

TEST(SegmentFormat, HasNoHoleInATable) {
  for (const Rows& table : tables_in("docs/segment_format.md")) {
    int next = 0;
    for (const auto& [byte, size, field] : table) {
      EXPECT_EQ(byte, next) << field;
      next = byte + size;
    }
  }
}

// The enumerators of `name` in a header, by number.
std::map<int, std::string> enumerators(const std::string& path, const std::string& name) {
  std::string text;
  for (const std::string& line : lines_of(path)) text += line.substr(0, line.find("//")) + "\n";
  const size_t begin = text.find("enum class " + name);
  EXPECT_NE(begin, std::string::npos) << name;
  const size_t end = text.find("};", begin);
  std::string body = text.substr(begin, end - begin);
  std::ranges::replace(body, ',', ' ');
  const std::vector<std::string> words = words_of(body);
  std::map<int, std::string> found;
  for (size_t i = 1; i + 1 < words.size(); ++i) {
    if (words[i] == "=") found[std::stoi(words[i + 1])] = words[i - 1];
  }
  return found;
}

// The rows "| number | name | ..." after a heading of the page.
std::map<int, std::string> numbered_rows(const std::string& heading) {
  std::map<int, std::string> found;
  bool inside = false;
  for (const std::string& line : lines_of("docs/segment_format.md")) {
    if (line.starts_with("#")) inside = line.ends_with(heading);
    if (!inside) continue;
    const std::vector<std::string> columns = columns_of(line);
    if (columns.size() < 3 || !is_number(columns[0]) || is_number(columns[1])) continue;
    found[std::stoi(columns[0])] = columns[1];
  }
  return found;
}

TEST(SegmentFormat, ListsAllKindsOfFramesAndRecords) {
  EXPECT_EQ(numbered_rows("# Records"),
            enumerators("engine/journal_record.h", "JournalRecordType"));
  EXPECT_EQ(numbered_rows("# Frame"), enumerators("engine/frame.h", "FrameKind"));
}

// The blocks of the example, each with its first position.
struct HexBlock {
  uint64_t position = 0;
  std::vector<std::byte> bytes;
};

// "    4096  50 46 52 31 ...": a position, then bytes.
std::optional<HexBlock> hex_line(const std::string& line) {
  if (!line.starts_with("    ")) return std::nullopt;
  const std::vector<std::string> words = words_of(line);
  if (words.size() < 2 || !is_number(words[0])) return std::nullopt;
  HexBlock block;
  block.position = std::stoull(words[0]);
  for (size_t i = 1; i < words.size(); ++i) {
    if (words[i].size() != 2) return std::nullopt;
    if (words[i].find_first_not_of("0123456789abcdef") != std::string::npos) return std::nullopt;
    block.bytes.push_back(static_cast<std::byte>(std::stoi(words[i], nullptr, 16)));
  }
  return block;
}

std::vector<HexBlock> hex_blocks() {
  std::vector<HexBlock> blocks;
  bool inside = false;
  for (const std::string& line : lines_of("docs/segment_format.md")) {
    const std::optional<HexBlock> found = hex_line(line);
    if (found && inside) {
      HexBlock& block = blocks.back();
      EXPECT_EQ(found->position, block.position + block.bytes.size()) << line;
      block.bytes.insert(block.bytes.end(), found->bytes.begin(), found->bytes.end());
    } else if (found) {
      blocks.push_back(*found);
    }
    inside = found.has_value();
  }
  return blocks;
}

TEST(SegmentFormat, ExampleIsASegment) {
  const std::vector<HexBlock> blocks = hex_blocks();
  ASSERT_EQ(blocks.size(), 4u);
  std::vector<std::byte> block = blocks[0].bytes;
  block.resize(kSegmentHeaderBytes);
  const Result<SegmentHeader> header = decode_segment_header(block);
  ASSERT_TRUE(header.ok());
  EXPECT_EQ(to_string(header.value().key), "4c27e665930a4696-b9c9605ad9fb3eef/0");
  EXPECT_EQ(header.value().generation.value, 0xd232153315fdb5c0u);
  EXPECT_EQ(header.value().file_bytes, 1048576u);

  const std::vector<std::byte>& bytes = blocks[1].bytes;
  ASSERT_EQ(blocks[1].position, kSegmentHeaderBytes);
  const uint64_t seed =
      frame_seed(segment_seed(header.value().key, header.value().generation), blocks[1].position);
  const std::optional<FrameHeader> frame = decode_frame_header(bytes.data(), seed);
  ASSERT_TRUE(frame.has_value());
  ASSERT_EQ(frame->frame_bytes(), bytes.size());
  EXPECT_EQ(frame->payload_bytes, 75u);
  EXPECT_EQ(utc_time(frame->append_time_ms), "2026-11-23T11:15:51.230Z");
  EXPECT_EQ(frame->flushed_position, 4096u);
  const std::span<const std::byte> payload =
      std::span(bytes).subspan(kFrameHeaderBytes, frame->payload_bytes);
  EXPECT_TRUE(frame_payload_matches(*frame, payload));

  RecordBatch::Rules rules;
  rules.produced = false;
  const ParsedBatch batch = RecordBatch::parse(payload, rules);
  ASSERT_TRUE(batch.ok());
  const std::optional<Record> record = batch.value().reader().next();
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(as_text(*record->key), "k1");
  EXPECT_EQ(as_text(*record->value), "hello");
}

TEST(SegmentFormat, SaysHowJournalRecordsAreSeeded) {
  const std::vector<HexBlock> blocks = hex_blocks();
  ASSERT_EQ(blocks.size(), 4u);
  const std::byte* const header = blocks[2].bytes.data();
  ASSERT_EQ(blocks[2].bytes.size(), 72u);
  EXPECT_EQ(xxh3_64({header, 64}), load<uint64_t>(header + 64));
  // directory_id, incarnation, reactor as eight bytes, generation.
  std::byte identity[40];
  std::copy_n(header + 16, 24, identity);
  store(identity + 24, uint64_t{load<uint32_t>(header + 12)});
  std::copy_n(header + 40, 8, identity + 32);

  ASSERT_EQ(blocks[3].bytes.size(), kJournalRecordBytes);
  const auto decoded = decode_journal_record(blocks[3].bytes.data(), 3, xxh3_64(identity));
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->record.type, JournalRecordType::segment_added);
  EXPECT_EQ(decoded->record.file_number, 0x2877465c07dbf9e1u);
  EXPECT_EQ(decoded->record.generation.value, 0xd232153315fdb5c0u);
}

}  // namespace
}  // namespace penstock
