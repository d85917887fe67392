// One reactor's journal in one data directory: the few facts that frames cannot tell.
//
// Two copies of every record, in two files written side by side; a record is durable when both have it. Records are
// fixed in size and follow a header block. When a file is full, both are replaced by new ones that start with a
// snapshot, by rename and directory flush.
//
//   byte  size  field (header block, 4096 bytes, little-endian)
//      0     8  magic            "PENJRN01"
//      8     4  version          1
//     12     4  reactor          whose
//     16    16  directory_id
//     32     8  incarnation      of the data directory
//     40     8  generation       random: the two copies of one file share it
//     48     8  snapshot_records  so many records were durable before this file got its name
//     56     8  file_bytes
//     64     8  checksum         XXH3-64 of bytes 0..63
//
// Owned by a PartitionStore, called on its reactor. A failed write is final: everything later answers Error::fenced.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/file_io.h"
#include "engine/flush_stream.h"
#include "engine/journal_record.h"
#include "io/doors.h"
#include "io/event.h"

namespace penstock {

struct JournalIdentity {
  TopicId directory_id;
  uint64_t incarnation = 0;
  uint32_t reactor = 0;
};

// "<directory>/journal-<incarnation>-<reactor>-a", or -b.
std::string journal_path(const std::string& directory, uint64_t incarnation, uint32_t reactor,
                         char copy);

class Journal {
 public:
  Journal(Doors& doors, std::string directory, JournalIdentity identity, FlushStream& flushes,
          FlushListener& listener);
  Journal(const Journal&) = delete;
  ~Journal();  // close() has completed

  // Writes new files that hold `state` and gives them their names; durable when done.
  Task<Result<void>> create(JournalState state);

  // Durable in both copies when done; all of `records` or, after a crash, a prefix of them.
  Task<Result<void>> append(std::span<const JournalRecord> records);
  Task<Result<void>> append(const JournalRecord& record) { return append(std::span(&record, 1)); }

  // Written soon, by the next write; nobody waits for it.
  void append_later(const JournalRecord& record);

  Task<void> close();

  const JournalState& state() const { return state_; }
  bool failed() const { return failed_; }

 private:
  void place(const JournalRecord& record);
  void encode(const JournalRecord& record);
  void start_writer();
  Task<void> write_loop();
  Task<Result<void>> write_pending();
  Task<Result<void>> write_copies(std::span<std::byte> bytes);
  Task<Result<void>> write_files();
  Task<Result<void>> create_files(std::span<const std::byte> image, uint64_t file_bytes,
                                  std::span<FileId> fresh);
  Task<Result<void>> name_files();

  Doors& doors_;
  std::string directory_;
  JournalIdentity identity_;
  FlushStream& flushes_;
  FlushListener& listener_;
  JournalState state_;
  uint64_t seed_ = 0;
  uint64_t file_bytes_ = 0;
  uint64_t filled_bytes_ =
      0;  // so much of each file was written before: a shared flush does for it
  FileId files_[2];
  uint64_t durable_sequence_ = 0;  // all records below are in both copies
  uint64_t next_sequence_ = 0;     // of the file
  uint64_t appended_count_ = 0;    // over the journal's life: what waiters compare
  uint64_t durable_count_ = 0;
  std::vector<std::byte> tail_;           // from the block that holds durable_sequence_ on
  uint64_t tail_position_ = 0;            // where tail_ begins in the file
  bool collecting_ = false;               // new files are being made
  std::vector<JournalRecord> collected_;  // placed meanwhile
  uint64_t next_try_ns_ = 0;              // for new files after a full disk
  bool writing_ = false;
  bool failed_ = false;
  bool closing_ = false;
  WaitQueue durable_;
  TaskGroup writer_;
};

// One of the two copies as it was read, and judged by itself.
struct JournalCopy {
  std::string path;
  bool present = false;
  uint64_t generation = 0;
  std::vector<JournalRecord> records;  // the unbroken prefix
  bool damaged = false;                // it once held more than that prefix
  uint64_t damage_position = 0;
  std::string reason;  // of the damage; "missing" if it is not there
};
Task<Result<std::vector<JournalCopy>>> read_journal_copies(Doors& doors,
                                                           const std::string& directory,
                                                           JournalIdentity identity);

// What two copies say. Reads only.
struct LoadedJournal {
  JournalState state;
  uint64_t record_count = 0;
};
struct JournalDamage {
  std::string path;
  uint64_t position = 0;
  std::string reason;
};

// Loads the journal of `identity.reactor` from both copies: whichever has more. Error::corrupt, with `damage` filled,
// if neither is whole up to what is known to have been durable; Error::not_found if neither is there.
Task<Result<LoadedJournal>> load_journal(Doors& doors, const std::string& directory,
                                         JournalIdentity identity, JournalDamage& damage);

}  // namespace penstock
