#include "engine/record_batch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "engine/checksum.h"

namespace penstock {
namespace {

using Bytes = std::vector<std::byte>;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string text_of(const OptionalBytes& bytes) {
  if (!bytes) return "(null)";
  return {reinterpret_cast<const char*>(bytes->data()), bytes->size()};
}

Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  for (size_t at = 0; at + 1 < hex.size(); at += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(at, 2)), nullptr, 16)));
  }
  return bytes;
}

void set_big_endian(Bytes& bytes, size_t at, uint64_t value, size_t width) {
  for (size_t i = 0; i < width; ++i) {
    bytes[at + i] = static_cast<std::byte>(value >> (8 * (width - 1 - i)));
  }
}

void fix_crc(Bytes& bytes) { set_big_endian(bytes, 17, crc32c(std::span(bytes).subspan(21)), 4); }

// A header in front of `records`, its length, count and CRC true, its other fields those of a plain producer.
Bytes batch_of(const Bytes& records, uint32_t record_count = 1) {
  Bytes batch(RecordBatch::kHeaderBytes);
  batch.insert(batch.end(), records.begin(), records.end());
  set_big_endian(batch, 8, batch.size() - 12, 4);
  batch[16] = std::byte{2};
  set_big_endian(batch, 23, record_count - 1, 4);
  set_big_endian(batch, 43, ~uint64_t{0}, 8);
  set_big_endian(batch, 51, ~uint64_t{0}, 2);
  set_big_endian(batch, 53, ~uint64_t{0}, 4);
  set_big_endian(batch, 57, record_count, 4);
  fix_crc(batch);
  return batch;
}

Bytes three_records() {
  RecordBatchBuilder builder({});
  builder.add({.timestamp_ms = 1000, .key = bytes_of("a"), .value = bytes_of("one")});
  builder.add({.timestamp_ms = 3000, .key = std::nullopt, .value = bytes_of("two")});
  builder.add({.timestamp_ms = 2000, .key = bytes_of(""), .value = std::nullopt});
  return builder.build();
}

// The fault of `bytes` as a client's batch, or nothing.
std::optional<BatchFault> fault_of(const Bytes& bytes, const RecordBatch::Rules& rules = {}) {
  const auto parsed = RecordBatch::parse(bytes, rules);
  if (parsed.ok()) return std::nullopt;
  return parsed.fault();
}

constexpr RecordBatch::Rules kStored{.produced = false};

// One record of the wire, without its length: attributes, timestamp delta, offset delta, key, value, headers.
Bytes one_record(std::string_view hex_after_attributes) {
  Bytes record = from_hex(hex_after_attributes);
  record.insert(record.begin(), std::byte{0});
  record.insert(record.begin(), static_cast<std::byte>(record.size() * 2));  // zig-zag
  return record;
}

TEST(RecordBatch, BuildsTheBytesOfTheFormat) {
  RecordBatchBuilder builder({.base_offset = {0x0102030405060708},
                              .leader_epoch = 9,
                              .producer_id = 0x1112131415161718,
                              .producer_epoch = 0x2122,
                              .base_sequence = 0x31323334,
                              .transactional = true});
  const RecordBatchBuilder::Header header{"h", bytes_of("v")};
  builder.add({.timestamp_ms = 0x4142,
               .key = bytes_of("k"),
               .value = std::nullopt,
               .headers = std::span(&header, 1)});
  Bytes expected = from_hex(
      "0102030405060708"
      "0000003D"
      "00000009"
      "02"
      "00000000"
      "0010"
      "00000000"
      "0000000000004142"
      "0000000000004142"
      "1112131415161718"
      "2122"
      "31323334"
      "00000001"
      "16"        // 11 bytes
      "00"        // attributes
      "00"        // timestamp delta
      "00"        // offset delta
      "026B"      // key
      "01"        // null value
      "02"        // one header
      "02680276"  // h = v
  );
  set_big_endian(expected, 8, expected.size() - 12, 4);
  fix_crc(expected);
  EXPECT_EQ(builder.build(), expected);
}

TEST(RecordBatch, TellsItsHeader) {
  RecordBatchBuilder builder({.base_offset = {700},
                              .leader_epoch = 5,
                              .producer_id = 42,
                              .producer_epoch = 3,
                              .base_sequence = 17,
                              .transactional = true,
                              .control = true});
  builder.add({.timestamp_ms = 1000});
  builder.add({.timestamp_ms = 900});
  const Bytes bytes = builder.build();

  const auto parsed = RecordBatch::parse(bytes, kStored);
  ASSERT_TRUE(parsed.ok());
  const RecordBatch& batch = parsed.value();
  EXPECT_EQ(batch.base_offset(), Offset{700});
  EXPECT_EQ(batch.last_offset(), Offset{701});
  EXPECT_EQ(batch.last_offset_delta(), 1u);
  EXPECT_EQ(batch.record_count(), 2u);
  EXPECT_EQ(batch.leader_epoch(), 5);
  EXPECT_EQ(batch.codec(), Codec::none);
  EXPECT_EQ(batch.base_timestamp_ms(), 1000);
  EXPECT_EQ(batch.max_timestamp_ms(), 1000);
  EXPECT_TRUE(batch.has_producer());
  EXPECT_EQ(batch.producer_id(), 42);
  EXPECT_EQ(batch.producer_epoch(), 3);
  EXPECT_EQ(batch.base_sequence(), 17);
  EXPECT_TRUE(batch.transactional());
  EXPECT_TRUE(batch.control());
  EXPECT_FALSE(batch.log_append_time());
  EXPECT_FALSE(batch.has_delete_horizon());
  EXPECT_EQ(batch.size_bytes(), bytes.size());
}

TEST(RecordBatch, WalksItsRecordsAndKeepsNullApartFromEmpty) {
  const Bytes bytes = three_records();
  const auto parsed = RecordBatch::parse(bytes, {});
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed.value().max_timestamp_ms(), 3000);

  RecordReader reader = parsed.value().reader();
  const auto first = reader.next();
  const auto second = reader.next();
  const auto third = reader.next();
  ASSERT_TRUE(first && second && third);
  EXPECT_EQ(text_of(first->key), "a");
  EXPECT_EQ(text_of(first->value), "one");
  EXPECT_EQ(first->offset_delta, 0u);
  EXPECT_EQ(first->timestamp_ms, 1000);
  EXPECT_FALSE(second->key.has_value());
  EXPECT_EQ(second->offset_delta, 1u);
  EXPECT_EQ(second->timestamp_ms, 3000);
  EXPECT_EQ(text_of(third->key), "");
  EXPECT_FALSE(third->value.has_value());
  EXPECT_EQ(third->timestamp_ms, 2000);
  EXPECT_FALSE(reader.next().has_value());
  EXPECT_FALSE(reader.fault().has_value());
}

TEST(RecordBatch, TakesTheFirstOfSeveralBatchesAndTellsItsSize) {
  Bytes bytes = three_records();
  const size_t first_bytes = bytes.size();
  RecordBatchBuilder builder({});
  builder.add({.timestamp_ms = 1, .value = bytes_of("next")});
  const Bytes second = builder.build();
  bytes.insert(bytes.end(), second.begin(), second.end());

  const auto parsed = RecordBatch::parse(bytes, {});
  ASSERT_TRUE(parsed.ok());
  ASSERT_EQ(parsed.value().size_bytes(), first_bytes);
  const auto rest = RecordBatch::parse(std::span(bytes).subspan(first_bytes), {});
  ASSERT_TRUE(rest.ok());
  EXPECT_EQ(rest.value().size_bytes(), second.size());
}

TEST(RecordBatch, EveryTruncationIsATruncation) {
  const Bytes bytes = three_records();
  for (size_t length = 0; length < bytes.size(); ++length) {
    ASSERT_EQ(fault_of(Bytes(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(length))),
              BatchFault::truncated)
        << length;
  }
}

TEST(RecordBatch, EveryFlippedBitUnderTheCrcIsACrcFault) {
  Bytes bytes = three_records();
  for (size_t bit = 17 * 8; bit < bytes.size() * 8; ++bit) {
    const auto mask = std::byte{1} << (bit % 8);
    bytes[bit / 8] ^= mask;
    ASSERT_EQ(fault_of(bytes), BatchFault::crc) << bit;
    bytes[bit / 8] ^= mask;
  }
}

TEST(RecordBatch, TheCrcMayBeLeftToAFrame) {
  Bytes bytes = three_records();
  bytes[17] ^= std::byte{1};
  EXPECT_EQ(fault_of(bytes), BatchFault::crc);
  EXPECT_EQ(fault_of(bytes, {.crc = false}), std::nullopt);
}

TEST(RecordBatch, ALengthThatNoBatchHasIsALengthFault) {
  Bytes bytes = three_records();
  for (const uint64_t length :
       {uint64_t{0}, uint64_t{13}, uint64_t{48}, uint64_t{0x80000000}, uint64_t{0xFFFFFFFF}}) {
    set_big_endian(bytes, 8, length, 4);
    ASSERT_EQ(fault_of(bytes), BatchFault::length) << length;
  }
  set_big_endian(bytes, 8, 0x7FFFFFFF, 4);
  EXPECT_EQ(fault_of(bytes), BatchFault::truncated);
}

TEST(RecordBatch, OldAndUnknownMagicsAreToldApart) {
  Bytes bytes = three_records();
  for (const int magic : {0, 1}) {
    bytes[16] = static_cast<std::byte>(magic);
    EXPECT_EQ(fault_of(bytes), BatchFault::magic_old) << magic;
  }
  for (const int magic : {3, 127, 128, 255}) {
    bytes[16] = static_cast<std::byte>(magic);
    EXPECT_EQ(fault_of(bytes), BatchFault::magic_unknown) << magic;
  }
  Bytes shortest(26);  // a message of version 0 with nothing in it is shorter than our header
  shortest[11] = std::byte{14};
  EXPECT_EQ(fault_of(shortest), BatchFault::magic_old);
}

TEST(RecordBatch, OnlyTheEngineSetsABaseOffset) {
  Bytes bytes = three_records();
  RecordBatch::set_base_offset(bytes, {1});
  EXPECT_EQ(fault_of(bytes), BatchFault::base_offset);
  EXPECT_EQ(fault_of(bytes, kStored), std::nullopt);
  for (const uint64_t offset : {uint64_t{1} << 63, ~uint64_t{0}, (uint64_t{1} << 63) - 2}) {
    RecordBatch::set_base_offset(bytes, {offset});
    EXPECT_EQ(fault_of(bytes, kStored), BatchFault::base_offset) << offset;
  }
  RecordBatch::set_base_offset(bytes, {(uint64_t{1} << 63) - 3});
  EXPECT_EQ(fault_of(bytes, kStored), std::nullopt);
}

TEST(RecordBatch, TheSizeLimitCountsTheWholeBatch) {
  const Bytes bytes = three_records();
  const auto size = static_cast<uint32_t>(bytes.size());
  EXPECT_EQ(fault_of(bytes, {.size_bytes_max = size}), std::nullopt);
  EXPECT_EQ(fault_of(bytes, {.size_bytes_max = size - 1}), BatchFault::too_large);
}

TEST(RecordBatch, AttributesWithoutAMeaningAreRefused) {
  for (unsigned bit = 7; bit < 16; ++bit) {
    Bytes bytes = three_records();
    set_big_endian(bytes, 21, uint64_t{1} << bit, 2);
    fix_crc(bytes);
    EXPECT_EQ(fault_of(bytes), BatchFault::reserved_attributes) << bit;
    EXPECT_EQ(fault_of(bytes, kStored), BatchFault::reserved_attributes) << bit;
  }
}

TEST(RecordBatch, WhatOnlyTheBrokerMaySetIsRefusedFromAProducer) {
  struct Case {
    uint64_t attributes;
    BatchFault fault;
  };
  for (const auto& [attributes, fault] :
       {Case{0x08, BatchFault::log_append_time},
        Case{0x10, BatchFault::producer},  // no producer id
        Case{0x20, BatchFault::control}, Case{0x40, BatchFault::reserved_attributes}}) {
    Bytes bytes = three_records();
    set_big_endian(bytes, 21, attributes, 2);
    fix_crc(bytes);
    EXPECT_EQ(fault_of(bytes), fault) << attributes;
    EXPECT_EQ(fault_of(bytes, kStored), std::nullopt) << attributes;
  }
}

TEST(RecordBatch, KnownCodecsPassAndTheirRecordsAreNotWalked) {
  for (unsigned codec = 1; codec < 8; ++codec) {
    Bytes bytes = batch_of(from_hex("DEADBEEF"), 1000);
    set_big_endian(bytes, 21, codec, 2);
    set_big_endian(bytes, 35, 77, 8);
    fix_crc(bytes);
    if (codec > 4) {
      EXPECT_EQ(fault_of(bytes), BatchFault::codec_unknown) << codec;
      continue;
    }
    const auto parsed = RecordBatch::parse(bytes, {});
    ASSERT_TRUE(parsed.ok()) << codec;
    EXPECT_EQ(parsed.value().codec(), static_cast<Codec>(codec));
    EXPECT_EQ(parsed.value().max_timestamp_ms(), 77);
    EXPECT_EQ(parsed.value().record_count(), 1000u);
  }
}

// `plain` with its records packed, and a header that says so.
Bytes packed(const Bytes& plain, Codec codec) {
  Bytes batch(plain.begin(), plain.begin() + RecordBatch::kHeaderBytes);
  Compressor compressor;
  const std::span<const std::byte> records = std::span(plain).subspan(RecordBatch::kHeaderBytes);
  EXPECT_TRUE(compressor.compress(codec, std::nullopt, records, batch).ok());
  RecordBatch::set_codec(batch, codec);
  return batch;
}

TEST(RecordBatch, WalksCompressedRecordsWithADecompressor) {
  Decompressor decompressor;
  for (const Codec codec : {Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    Bytes bytes = packed(three_records(), codec);
    RecordBatch::set_max_timestamp(bytes, 9);  // a lie
    const RecordBatch::Rules rules{.decompressor = &decompressor, .decompressed_bytes_max = 1000};
    const auto parsed = RecordBatch::parse(bytes, rules);
    ASSERT_TRUE(parsed.ok()) << name_of(codec);
    const RecordBatch& batch = parsed.value();
    EXPECT_EQ(batch.codec(), codec);
    EXPECT_TRUE(batch.walked());
    EXPECT_EQ(batch.max_timestamp_ms(), 3000);
    EXPECT_EQ(batch.min_timestamp_ms(), 1000);
    EXPECT_TRUE(batch.has_null_key());
    RecordReader reader = batch.reader();
    EXPECT_EQ(text_of(reader.next()->value), "one");
    EXPECT_EQ(text_of(reader.next()->value), "two");

    Bytes plain(bytes.begin(), bytes.begin() + RecordBatch::kHeaderBytes);
    plain.insert(plain.end(), batch.plain_records().begin(), batch.plain_records().end());
    RecordBatch::set_codec(plain, Codec::none);
    RecordBatch::set_max_timestamp(plain, 3000);
    EXPECT_EQ(plain, three_records()) << name_of(codec);
  }
}

TEST(RecordBatch, CompressedRecordsThatLieAreRefused) {
  Decompressor decompressor;
  const Bytes plain = three_records();
  const size_t records_bytes = plain.size() - RecordBatch::kHeaderBytes;
  RecordBatch::Rules rules{.decompressor = &decompressor, .decompressed_bytes_max = records_bytes};
  for (const Codec codec : {Codec::gzip, Codec::snappy, Codec::lz4, Codec::zstd}) {
    EXPECT_EQ(fault_of(packed(plain, codec), rules), std::nullopt);
    Bytes more = plain;  // than the count says
    more.push_back(std::byte{0});
    rules.decompressed_bytes_max = records_bytes + 1;
    EXPECT_EQ(fault_of(packed(more, codec), rules), BatchFault::record_structure);
    rules.decompressed_bytes_max = records_bytes;
    EXPECT_EQ(fault_of(packed(more, codec), rules), BatchFault::decompressed_size);

    Bytes cut_short = packed(plain, codec);
    cut_short.pop_back();
    RecordBatch::set_codec(cut_short, codec);
    EXPECT_EQ(fault_of(cut_short, rules), BatchFault::compression) << name_of(codec);
    Bytes many = packed(plain, codec);
    set_big_endian(many, 57, 0x7FFFFFFF, 4);
    set_big_endian(many, 23, 0x7FFFFFFE, 4);
    fix_crc(many);
    EXPECT_EQ(fault_of(many, rules), BatchFault::record_count);
  }
}

TEST(RecordBatch, ARecordsFaultSaysWhichRecordHasIt) {
  RecordBatchBuilder builder({});
  builder.add({.timestamp_ms = 10});
  builder.add({.timestamp_ms = 5});
  builder.add({.timestamp_ms = 20});
  Bytes bytes = builder.build();
  set_big_endian(bytes, 27, 4, 8);  // the base; the second record is 5 ms before it
  fix_crc(bytes);
  EXPECT_EQ(fault_of(bytes), std::nullopt);  // -1: no timestamp
  EXPECT_EQ(RecordBatch::parse(bytes, {}).value().min_timestamp_ms(), 4);
  set_big_endian(bytes, 27, 3, 8);
  fix_crc(bytes);
  const auto parsed = RecordBatch::parse(bytes, {});
  ASSERT_EQ(parsed.fault(), BatchFault::timestamp);
  EXPECT_EQ(parsed.fault_record(), 1u);
}

TEST(RecordBatch, CountsThatLieAreRefused) {
  struct Case {
    uint64_t count;
    uint64_t last_delta;
    BatchFault fault;
  };
  for (const auto& [count, last_delta, fault] : {
           Case{0, 0, BatchFault::record_count}, Case{0xFFFFFFFF, 0, BatchFault::record_count},
           Case{0x80000000, 0x7FFFFFFF, BatchFault::record_count},
           Case{0x7FFFFFFF, 0x7FFFFFFE,
                BatchFault::record_count},  // more than the bytes could hold
           Case{3, 3, BatchFault::last_offset_delta}, Case{3, 1, BatchFault::last_offset_delta},
           Case{3, 0xFFFFFFFF, BatchFault::last_offset_delta},
           Case{2, 1, BatchFault::record_structure},  // a record is left over
           Case{4, 3, BatchFault::record_structure},  // a record is missing
       }) {
    Bytes bytes = three_records();
    set_big_endian(bytes, 57, count, 4);
    set_big_endian(bytes, 23, last_delta, 4);
    fix_crc(bytes);
    EXPECT_EQ(fault_of(bytes), fault) << count << " " << last_delta;
  }
}

TEST(RecordBatch, AProducerHasItsIdEpochAndSequenceTogether) {
  struct Case {
    uint64_t id, epoch, sequence;
    bool ok;
  };
  const uint64_t none = ~uint64_t{0};
  for (const auto& [id, epoch, sequence, ok] :
       {Case{5, 0, 0, true}, Case{5, none, 0, false}, Case{5, 0, none, false},
        Case{none, 0, 0, true}, Case{none, none, none, true}}) {
    Bytes bytes = three_records();
    set_big_endian(bytes, 43, id, 8);
    set_big_endian(bytes, 51, epoch, 2);
    set_big_endian(bytes, 53, sequence, 4);
    fix_crc(bytes);
    EXPECT_EQ(fault_of(bytes), ok ? std::nullopt : std::optional(BatchFault::producer))
        << id << " " << epoch << " " << sequence;
  }
}

TEST(RecordBatch, RecordsThatLieAreRefused) {
  struct Case {
    const char* record;  // after its length and attributes
    std::optional<BatchFault> fault;
  };
  // Timestamp delta, offset delta, key length, value length, header count; zig-zag: 01 is -1, 02 is 1, 03 is -2.
  for (const auto& [record, fault] : {
           Case{"0000010100", std::nullopt},
           Case{"00000261026200", std::nullopt},
           Case{"000003010000", BatchFault::record_structure},        // a key length of -2
           Case{"000001030000", BatchFault::record_structure},        // a value length of -2
           Case{"0000086161", BatchFault::record_structure},          // a key past the end
           Case{"0000010861", BatchFault::record_structure},          // a value past the end
           Case{"0000010101", BatchFault::record_structure},          // -1 headers
           Case{"0000010102", BatchFault::record_structure},          // a header that is not there
           Case{"000001010202680276", std::nullopt},                  // one header
           Case{"0000010102026801", std::nullopt},                    // its value null
           Case{"00000101020002", BatchFault::record_structure},      // its value past the end
           Case{"0000010102010276", BatchFault::record_structure},    // its key null
           Case{"000001010402680276", BatchFault::record_structure},  // two headers, one there
           Case{"00000101000000", BatchFault::record_structure},      // bytes after the headers
           Case{"0000", BatchFault::record_count},                    // too short to be a record
           Case{"0000020000", BatchFault::record_structure},          // no header count
           Case{"0002010100", BatchFault::offset_delta},              // 1
           Case{"0001010100", BatchFault::offset_delta},              // -1
           Case{"00FFFFFFFF1F010100", BatchFault::varint},            // 33 bits
           Case{"00808080808000010100", BatchFault::varint},          // six bytes
           Case{"008080808000010100", std::nullopt},                  // five bytes for zero
           Case{"FFFFFFFFFFFFFFFFFF0300010100", BatchFault::varint},  // 65 bits
           Case{"8080808080808080808000", BatchFault::varint},        // eleven bytes
           Case{"0100010100", std::nullopt},                          // timestamp -1: none
           Case{"0300010100", BatchFault::timestamp},                 // timestamp -2
           Case{"FEFFFFFFFFFFFFFFFF0100010100", std::nullopt},        // the last there is
       }) {
    EXPECT_EQ(fault_of(batch_of(one_record(record))), fault) << record;
  }
}

TEST(RecordBatch, ARecordLengthThatLiesIsRefused) {
  for (const char* records :
       {"", "00", "01", "0E0000000101", "FFFFFFFF0F", "FEFFFFFF0F000000010100", "0A000000010100"}) {
    Bytes bytes = from_hex(records);
    bytes.resize(std::max<size_t>(bytes.size(), 7),
                 std::byte{0});  // enough for the count to be possible
    EXPECT_EQ(fault_of(batch_of(bytes)), BatchFault::record_structure) << records;
  }
}

TEST(RecordBatch, ATimestampSumThatOverflowsIsRefused) {
  Bytes bytes = batch_of(one_record("0200010100"));  // delta 1
  set_big_endian(bytes, 27, static_cast<uint64_t>(std::numeric_limits<int64_t>::max()), 8);
  fix_crc(bytes);
  EXPECT_EQ(fault_of(bytes), BatchFault::timestamp);
  set_big_endian(bytes, 27, ~uint64_t{0} - 1, 8);  // base -2
  fix_crc(bytes);
  EXPECT_EQ(fault_of(bytes), BatchFault::timestamp);
}

TEST(RecordBatch, TheMaxTimestampIsThatOfTheRecordsWhateverTheHeaderSays) {
  for (const int64_t lie : {int64_t{0}, int64_t{-5}, int64_t{1} << 60}) {
    Bytes bytes = three_records();
    set_big_endian(bytes, 35, static_cast<uint64_t>(lie), 8);
    fix_crc(bytes);
    const auto parsed = RecordBatch::parse(bytes, {});
    ASSERT_TRUE(parsed.ok());
    EXPECT_EQ(parsed.value().max_timestamp_ms(), 3000);
    EXPECT_EQ(parsed.value().header_max_timestamp_ms(), lie);

    RecordBatch::set_max_timestamp(bytes, 3000);
    const auto again = RecordBatch::parse(bytes, {});
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again.value().header_max_timestamp_ms(), 3000);
  }
}

TEST(RecordBatch, SettersOutsideTheCrcLeaveItTrue) {
  Bytes bytes = three_records();
  RecordBatch::set_base_offset(bytes, {123456789012});
  RecordBatch::set_leader_epoch(bytes, 77);
  const auto parsed = RecordBatch::parse(bytes, kStored);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed.value().base_offset(), Offset{123456789012});
  EXPECT_EQ(parsed.value().leader_epoch(), 77);
}

TEST(RecordBatch, LogAppendTimeIsTheTimeOfEveryRecord) {
  Bytes bytes = three_records();
  RecordBatch::set_log_append_time(bytes, 5555);
  const auto parsed = RecordBatch::parse(bytes, kStored);
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(parsed.value().log_append_time());
  EXPECT_EQ(parsed.value().max_timestamp_ms(), 5555);
  RecordReader reader = parsed.value().reader();
  uint32_t seen = 0;
  for (; const auto record = reader.next(); ++seen) EXPECT_EQ(record->timestamp_ms, 5555);
  EXPECT_EQ(seen, 3u);
}

TEST(RecordBatch, CompactionLeavesGapsWhichAProducerMayNot) {
  RecordBatchBuilder builder({});
  builder.add({.timestamp_ms = 1, .value = bytes_of("x"), .offset_delta = 2});
  builder.add({.timestamp_ms = 2, .value = bytes_of("y"), .offset_delta = 9});
  Bytes bytes = builder.build();
  EXPECT_EQ(fault_of(bytes), BatchFault::last_offset_delta);
  ASSERT_EQ(fault_of(bytes, kStored), std::nullopt);
  set_big_endian(bytes, 23, 30, 4);  // later records were dropped
  fix_crc(bytes);
  EXPECT_EQ(fault_of(bytes, kStored), std::nullopt);
  set_big_endian(bytes, 23, 8, 4);  // but none stands past the last offset
  fix_crc(bytes);
  EXPECT_EQ(fault_of(bytes, kStored), BatchFault::offset_delta);
}

TEST(RecordBatch, CompactionMayLeaveNoRecordAtAll) {
  Bytes bytes = batch_of({}, 1);
  set_big_endian(bytes, 57, 0, 4);
  set_big_endian(bytes, 23, 12, 4);
  set_big_endian(bytes, 35, 999, 8);
  fix_crc(bytes);
  EXPECT_EQ(fault_of(bytes), BatchFault::record_count);
  const auto parsed = RecordBatch::parse(bytes, kStored);
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed.value().last_offset(), Offset{12});
  EXPECT_EQ(parsed.value().max_timestamp_ms(), 999);
}

TEST(RecordBatch, OffsetsThatRepeatAreRefusedEvenFromTheDisk) {
  Bytes records = one_record("0000010100");
  const Bytes again = one_record("0000010100");
  records.insert(records.end(), again.begin(), again.end());
  EXPECT_EQ(fault_of(batch_of(records, 2)), BatchFault::offset_delta);
  EXPECT_EQ(fault_of(batch_of(records, 2), kStored), BatchFault::offset_delta);
}

TEST(RecordBatch, ABuilderIsEmptyAfterItHasBuilt) {
  RecordBatchBuilder builder({});
  builder.add({.timestamp_ms = 7, .value = bytes_of("x")});
  const Bytes first = builder.build();
  EXPECT_EQ(builder.record_count(), 0u);
  builder.add({.timestamp_ms = 7, .value = bytes_of("x")});
  EXPECT_EQ(builder.build(), first);
}

Bytes random_batch(std::mt19937_64& random, std::vector<RecordBatchBuilder::NewRecord>& records,
                   const Bytes& pool) {
  RecordBatchBuilder builder({});
  const auto part = [&](size_t longest) -> OptionalBytes {
    if (random() % 5 == 0) return std::nullopt;
    return std::span(pool).subspan(random() % 100, random() % longest);
  };
  for (size_t left = 1 + random() % 40; left > 0; --left) {
    records.push_back(
        {.timestamp_ms = static_cast<int64_t>(random() % (uint64_t{1} << (random() % 62 + 1))),
         .key = part(40),
         .value = part(random() % 10 == 0 ? 3000 : 100)});
    builder.add(records.back());
  }
  return builder.build();
}

TEST(RecordBatch, WhatIsBuiltIsReadBack) {
  std::mt19937_64 random(11);
  Bytes pool(4000);
  for (auto& byte : pool) byte = static_cast<std::byte>(random());
  for (int round = 0; round < 300; ++round) {
    std::vector<RecordBatchBuilder::NewRecord> records;
    const Bytes bytes = random_batch(random, records, pool);
    const auto parsed = RecordBatch::parse(bytes, {});
    ASSERT_TRUE(parsed.ok()) << name_of(parsed.fault());
    RecordReader reader = parsed.value().reader();
    int64_t max_timestamp_ms = -1;
    for (const auto& expected : records) {
      const auto record = reader.next();
      ASSERT_TRUE(record.has_value());
      ASSERT_EQ(record->timestamp_ms, expected.timestamp_ms);
      ASSERT_EQ(text_of(record->key), text_of(expected.key));
      ASSERT_EQ(text_of(record->value), text_of(expected.value));
      max_timestamp_ms = std::max(max_timestamp_ms, expected.timestamp_ms);
    }
    ASSERT_FALSE(reader.next().has_value());
    ASSERT_EQ(parsed.value().max_timestamp_ms(), max_timestamp_ms);
  }
}

// Damage with a true CRC, as a hostile client sends it. What passes must keep its promises; the sanitizers watch the
// rest.
TEST(RecordBatch, DamageIsRefusedOrHarmless) {
  std::mt19937_64 random(12);
  Bytes pool(4000);
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    std::vector<RecordBatchBuilder::NewRecord> records;
    Bytes bytes = random_batch(random, records, pool);
    for (size_t hits = 1 + random() % 4; hits > 0; --hits) {
      const size_t at = random() % 2 ? 21 + random() % 40 : random() % bytes.size();
      bytes[at] = random() % 3 ? static_cast<std::byte>(random()) : std::byte{0xFF};
    }
    fix_crc(bytes);
    const RecordBatch::Rules rules{.produced = random() % 2 == 0};
    const auto parsed = RecordBatch::parse(bytes, rules);
    if (!parsed.ok()) {
      ++refused;
      ASSERT_STRNE(name_of(parsed.fault()), "unknown");
      continue;
    }
    const RecordBatch& batch = parsed.value();
    ASSERT_LE(batch.size_bytes(), bytes.size());
    ASSERT_GE(batch.max_timestamp_ms(), -1);
    if (batch.codec() != Codec::none) continue;
    RecordReader reader = batch.reader();
    uint32_t seen = 0;
    for (; const auto record = reader.next(); ++seen) {
      ASSERT_LE(record->offset_delta, batch.last_offset_delta());
      ASSERT_LE(record->timestamp_ms, batch.max_timestamp_ms());
    }
    ASSERT_EQ(seen, batch.record_count());
  }
  EXPECT_GT(refused, 5000);
}

}  // namespace
}  // namespace penstock
