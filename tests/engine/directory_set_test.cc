#include "engine/directory_set.h"

#include <gtest/gtest.h>

#include "engine/catalog.h"

namespace penstock {
namespace {

FoundDirectory found(const std::string& path, uint64_t id, uint64_t primary) {
  FoundDirectory directory;
  directory.path = path;
  directory.contents.meta.directory_id = {0, id};
  directory.contents.meta.primary_id = {0, primary};
  directory.contents.meta.incarnation = 1;
  return directory;
}

FoundDirectory fresh(const std::string& path, uint64_t id) {
  FoundDirectory directory = found(path, id, 0);
  directory.contents.fresh = true;
  return directory;
}

std::string refusal_of(DirectorySet set) {
  Refusal refusal;
  return judge(set, refusal).ok() ? "" : refusal.reason;
}

DirectorySet two() {
  DirectorySet set;
  set.directories = {found("/b", 2, 1), found("/a", 1, 1)};
  set.directories[1].contents.meta.members = {{{0, 1}, "/a"}, {{0, 2}, "/b"}};
  return set;
}

TEST(DirectorySet, ThePrimaryIsFoundWhereverItStands) {
  DirectorySet set = two();
  Refusal refusal;
  ASSERT_TRUE(judge(set, refusal).ok());
  EXPECT_EQ(set.primary, 1u);
  EXPECT_FALSE(set.first_start);
}

TEST(DirectorySet, NewOnesMakeANode) {
  DirectorySet set;
  set.directories = {fresh("/a", 1), fresh("/b", 2)};
  Refusal refusal;
  ASSERT_TRUE(judge(set, refusal).ok());
  EXPECT_EQ(set.primary, 0u);
  EXPECT_TRUE(set.first_start);
}

TEST(DirectorySet, ACopyOrAPartitionInTwoPlacesIsRefused) {
  DirectorySet copied = two();
  copied.directories.push_back(found("/copy", 2, 1));
  EXPECT_NE(refusal_of(copied).find("/b and /copy have the same identity"), std::string::npos);

  DirectorySet claimed = two();
  const PartitionKey key{{7, 8}, 1};
  for (FoundDirectory& directory : claimed.directories) {
    directory.contents.state.partitions[key].key = key;
  }
  EXPECT_NE(refusal_of(claimed).find("is in /b and in /a"), std::string::npos);

  DirectorySet stray = two();
  stray.directories[0].contents.state.partitions[kCatalogPartition].key = kCatalogPartition;
  EXPECT_NE(refusal_of(stray).find("/b has a catalog"), std::string::npos);
}

TEST(DirectorySet, OneThatIsMissingIsNamed) {
  DirectorySet set = two();
  set.directories.erase(set.directories.begin());
  EXPECT_NE(refusal_of(set).find("that was /b"), std::string::npos);
  // A death while it joined: it knows its primary, which does not list it yet.
  DirectorySet joining = two();
  joining.directories[1].contents.meta.members.pop_back();
  EXPECT_EQ(refusal_of(joining), "");
}

}  // namespace
}  // namespace penstock
