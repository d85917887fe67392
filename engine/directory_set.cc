#include "engine/directory_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "engine/catalog.h"

namespace penstock {
namespace {

// One that was opened before and has this identity.
const FoundDirectory* find(const DirectorySet& set, const TopicId& id) {
  const auto found = std::ranges::find_if(set.directories, [&](const FoundDirectory& directory) {
    return !directory.contents.fresh && directory.contents.meta.directory_id == id;
  });
  return found == set.directories.end() ? nullptr : &*found;
}

std::string missing(const std::string& path, const TopicId& id) {
  return fmt::format(
      "the data directory that was {} (identity {}) is missing: start with all that the node has, "
      "mounted",
      path, to_string(id));
}

// Empty: they are those of one node, and `set.primary` is found.
std::string judge_identities(DirectorySet& set) {
  const FoundDirectory* some = nullptr;  // that was opened before
  for (const FoundDirectory& directory : set.directories) {
    if (directory.contents.fresh) continue;
    const DirectoryMeta& meta = directory.contents.meta;
    if (find(set, meta.directory_id) != &directory) {
      return fmt::format("{} and {} have the same identity: one is a copy of the other",
                         find(set, meta.directory_id)->path, directory.path);
    }
    if (some == nullptr) some = &directory;
    if (meta.primary_id != some->contents.meta.primary_id) {
      return fmt::format("{} and {} belong to different nodes", some->path, directory.path);
    }
  }
  set.first_start = some == nullptr;
  if (some == nullptr) return {};
  const TopicId primary_id = some->contents.meta.primary_id;
  const FoundDirectory* const primary = find(set, primary_id);
  const DirectoryMeta& listed = (primary != nullptr ? primary : some)->contents.meta;
  for (const DirectoryMember& member : listed.members) {
    if (find(set, member.directory_id) == nullptr) {
      return missing(member.path, member.directory_id);
    }
  }
  if (primary == nullptr) return missing("the first", primary_id);
  set.primary = static_cast<size_t>(primary - set.directories.data());
  return {};
}

std::string judge_partitions(const DirectorySet& set) {
  std::map<PartitionKey, size_t> places;
  for (size_t i = 0; i < set.directories.size(); ++i) {
    const std::string& path = set.directories[i].path;
    for (const auto& [key, state] : set.directories[i].contents.state.partitions) {
      const auto [at, fresh] = places.emplace(key, i);
      if (!fresh) {
        return fmt::format("partition {} is in {} and in {}", to_string(key),
                           set.directories[at->second].path, path);
      }
      if (key == kCatalogPartition && i != set.primary) {
        return fmt::format("{} has a catalog, and is not the node's primary directory", path);
      }
    }
  }
  return {};
}

}  // namespace

Result<void> judge(DirectorySet& set, Refusal& refusal) {
  refusal.reason = judge_identities(set);
  if (refusal.reason.empty()) refusal.reason = judge_partitions(set);
  if (!refusal.reason.empty()) return Error::corrupt;
  return {};
}

// The primary's list of members says which directories must be there at the next start: it has a new one only when that
// one knows its primary. Nothing is put into any of them before all are committed.
Task<Result<void>> commit(Doors& doors, DirectorySet& set, uint32_t reactor_count,
                          Refusal& refusal) {
  std::vector<DirectoryMember> members;
  for (FoundDirectory& directory : set.directories) {
    DirectoryMeta& meta = directory.contents.meta;
    meta.incarnation = directory.next_incarnation();
    meta.reactor_count = reactor_count;
    meta.primary_id = set.directories[set.primary].contents.meta.directory_id;
    members.push_back({meta.directory_id, directory.path});
  }
  std::vector<size_t> order;
  for (size_t i = 0; i < members.size(); ++i) {
    if (i != set.primary) order.push_back(i);
  }
  // A node's first primary is there before the others, which would be nobody's without it; with no other in its list.
  if (set.first_start && !order.empty()) order.insert(order.begin(), set.primary);
  order.push_back(set.primary);
  for (size_t step = 0; step < order.size(); ++step) {
    const FoundDirectory& directory = set.directories[order[step]];
    DirectoryMeta meta = directory.contents.meta;
    meta.members = members;
    if (order[step] == set.primary && step + 1 < order.size()) {
      meta.members = {members[set.primary]};
    }
    const Result<void> committed = co_await commit_directory(doors, directory.path, meta);
    if (committed.ok()) continue;
    refusal.reason =
        fmt::format("{} cannot be written: {}", directory.path, name_of(committed.error()));
    co_return committed.error();
  }
  for (const FoundDirectory& directory : set.directories) {
    const DirectoryContents& contents = directory.contents;
    co_await clean_directory(doors, directory.path, contents.meta, contents.orphans);
  }
  co_return Result<void>();
}

}  // namespace penstock
