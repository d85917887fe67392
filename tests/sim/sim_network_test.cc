// The network between nodes: order, splitting, back-pressure, and every way a connection ends.
#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "io/event.h"
#include "tests/sim/sim_world.h"

namespace penstock::sim {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr uint16_t kPort = 9092;

// What one side of a conversation saw.
struct Side {
  SocketId socket;
  SocketId listener;
  std::string received;
  size_t receive_count = 0;
  std::optional<Error> error;
  bool ended = false;
  uint64_t sent_bytes = 0;
  std::optional<Error> send_error;
  std::optional<Error> connect_error;
};

std::string pattern(size_t size_bytes) {
  std::string text;
  for (size_t at = 0; at < size_bytes; ++at) text += static_cast<char>('a' + at * 31 % 26 + at % 3);
  return text;
}

Task<void> accept_one(Doors& doors, Side& side, std::string host) {
  const NetworkAddress address{.host = std::move(host), .port = kPort};
  const Result<SocketAndPort> listener = co_await doors.network.listen(address);
  if (!listener.ok()) {
    side.error = listener.error();
    co_return;
  }
  side.listener = listener.value().socket;
  const Result<SocketAndPort> accepted = co_await doors.network.accept(side.listener);
  if (accepted.ok()) {
    side.socket = accepted.value().socket;
  } else {
    side.error = accepted.error();
  }
}

Task<void> connect_to(Doors& doors, Side& side, std::string host) {
  const NetworkAddress address{.host = std::move(host), .port = kPort};
  const Result<SocketAndPort> connected = co_await doors.network.connect(address);
  if (connected.ok()) {
    side.socket = connected.value().socket;
  } else {
    side.connect_error = connected.error();
  }
}

Task<void> receive_all(Doors& doors, Side& side) {
  char bytes[4096];
  while (true) {
    const std::span<std::byte> to = std::as_writable_bytes(std::span(bytes));
    const Result<uint64_t> got = co_await doors.network.receive(side.socket, to);
    if (!got.ok()) {
      side.error = got.error();
      co_return;
    }
    if (got.value() == 0) break;
    ++side.receive_count;
    side.received.append(bytes, got.value());
  }
  side.ended = true;
}

Task<void> send_text(Doors& doors, Side& side, const std::string& text) {
  // In two slices, to show that they arrive as one.
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  const size_t middle = text.size() / 3;
  const IoSlice slices[2] = {{bytes, middle}, {bytes + middle, text.size() - middle}};
  const Result<uint64_t> sent = co_await doors.network.send(side.socket, slices);
  if (sent.ok()) {
    side.sent_bytes += sent.value();
  } else {
    side.send_error = sent.error();
  }
}

Task<void> close(Doors& doors, SocketId socket) { (void)co_await doors.network.close(socket); }

class SimNetworkTest : public ::testing::Test {
 protected:
  explicit SimNetworkTest(SimNetwork::Options options = {}) : world(3, {.network = options}) {
    server = world.add_node();
    client = world.add_node();
  }

  Doors& at_server() { return world.doors(server); }
  Doors& at_client() { return world.doors(client); }
  void start_server() {
    world.start(server, 0, [this] { return accept_one(at_server(), far, "0.0.0.0"); });
    world.run_for(1'000'000);
  }
  void start_connect() {
    world.start(client, 0,
                [this] { return connect_to(at_client(), near, SimNetwork::host_of(server)); });
  }
  void connect() {
    start_server();
    start_connect();
    ASSERT_EQ(world.run_until([&] { return near.socket.valid() && far.socket.valid(); }, kSecond),
              RunEnd::done);
  }
  void receive_at_server() {
    world.start(server, 0, [this] { return receive_all(at_server(), far); });
  }
  void send_from_client(const std::string& text) {
    world.start(client, 0, [this, &text] { return send_text(at_client(), near, text); });
  }
  void close_at_client() {
    ASSERT_TRUE(world.call(client, 0, [this] { return close(at_client(), near.socket); }));
  }

  SimWorld world;
  uint32_t server = 0;
  uint32_t client = 0;
  Side near;  // the client's
  Side far;   // the server's
};

class SmallBufferTest : public SimNetworkTest {
 protected:
  SmallBufferTest() : SimNetworkTest({.buffer_bytes = 10'000}) {}
};

class CutConnectionTest : public SimNetworkTest {
 protected:
  CutConnectionTest() : SimNetworkTest({.cut_ratio = 0.2}) {}
};

TEST_F(SimNetworkTest, BytesArriveInOrderInPiecesOfAllSizes) {
  connect();
  const std::string text = pattern(200'000);
  receive_at_server();
  send_from_client(text);
  ASSERT_EQ(world.run_until([&] { return near.sent_bytes == text.size(); }, 60 * kSecond),
            RunEnd::done);
  close_at_client();
  ASSERT_EQ(world.run_until([&] { return far.ended; }, 60 * kSecond), RunEnd::done);
  EXPECT_EQ(far.received, text);
  EXPECT_GT(far.receive_count, text.size() / 4096 + 10);
}

TEST_F(SmallBufferTest, ASlowReaderStopsItsSender) {
  connect();
  const std::string text = pattern(50'000);
  send_from_client(text);
  world.run_for(10 * kSecond);
  EXPECT_EQ(near.sent_bytes, 0u);
  receive_at_server();
  ASSERT_EQ(world.run_until([&] { return far.received.size() == text.size(); }, 60 * kSecond),
            RunEnd::done);
  EXPECT_EQ(far.received, text);
  EXPECT_EQ(near.sent_bytes, text.size());
}

TEST_F(CutConnectionTest, ACutConnectionIsResetAtBothEnds) {
  connect();
  const std::string text = pattern(200'000);
  receive_at_server();
  world.start(client, 0, [this] { return receive_all(at_client(), near); });
  send_from_client(text);
  ASSERT_EQ(world.run_until([&] { return far.error && near.error; }, 60 * kSecond), RunEnd::done);
  EXPECT_EQ(*far.error, Error::closed);
  EXPECT_EQ(*near.error, Error::closed);
  EXPECT_EQ(text.substr(0, far.received.size()), far.received);
  EXPECT_GT(world.count_of("connection cut"), 0u);
}

TEST_F(SimNetworkTest, ACutByCallResetsBothEnds) {
  connect();
  receive_at_server();
  world.start(client, 0, [this] { return receive_all(at_client(), near); });
  world.run_for(kSecond);
  world.network().cut(server, client);
  ASSERT_EQ(world.run_until([&] { return far.error && near.error; }, kSecond), RunEnd::done);
}

TEST_F(SimNetworkTest, ACrashResetsThePeersConnections) {
  connect();
  receive_at_server();
  world.run_for(kSecond);
  world.crash(client, Crash::kill);
  ASSERT_EQ(world.run_until([&] { return far.error.has_value(); }, kSecond), RunEnd::done);
  EXPECT_EQ(*far.error, Error::closed);
  EXPECT_EQ(world.network().socket_count(client), 0u);
}

TEST_F(SimNetworkTest, NobodyListeningRefuses) {
  start_connect();
  ASSERT_EQ(world.run_until([&] { return near.connect_error.has_value(); }, kSecond), RunEnd::done);
  EXPECT_EQ(*near.connect_error, Error::not_found);
}

TEST_F(SimNetworkTest, ALoopbackListenerIsReachedFromItsOwnNodeOnly) {
  world.start(server, 0, [this] { return accept_one(at_server(), far, "127.0.0.1"); });
  world.run_for(kSecond);
  start_connect();
  ASSERT_EQ(world.run_until([&] { return near.connect_error.has_value(); }, kSecond), RunEnd::done);
  Side local;
  world.start(server, 0, [&] { return connect_to(at_server(), local, "127.0.0.1"); });
  ASSERT_EQ(world.run_until([&] { return local.socket.valid() && far.socket.valid(); }, kSecond),
            RunEnd::done);
}

TEST_F(SimNetworkTest, ABlockedPathHoldsBytesBackAndConnectsTimeOut) {
  connect();
  const std::string text = pattern(1000);
  receive_at_server();
  world.network().block(client, server);
  send_from_client(text);
  start_connect();
  world.run_for(5 * kSecond);
  EXPECT_EQ(far.received, "");
  EXPECT_EQ(near.connect_error, Error::timed_out);
  world.network().unblock(client, server);
  ASSERT_EQ(world.run_until([&] { return far.received.size() == text.size(); }, kSecond),
            RunEnd::done);
  EXPECT_EQ(far.received, text);
}

TEST_F(SimNetworkTest, ShutDownEndsPendingRequestsAndThePeersStream) {
  connect();
  receive_at_server();
  world.start(client, 0, [this] { return receive_all(at_client(), near); });
  world.run_for(kSecond);
  at_client().network.shut_down(near.socket);
  at_client().network.shut_down(near.socket);
  ASSERT_EQ(world.run_until([&] { return near.ended && far.ended; }, kSecond), RunEnd::done);
  const std::string text = "late";
  send_from_client(text);
  ASSERT_EQ(world.run_until([&] { return near.send_error.has_value(); }, kSecond), RunEnd::done);
  EXPECT_EQ(*near.send_error, Error::closed);
}

TEST_F(SimNetworkTest, ShutDownOfAListenerEndsItsAccepts) {
  start_server();
  at_server().network.shut_down(far.listener);
  ASSERT_EQ(world.run_until([&] { return far.error.has_value(); }, kSecond), RunEnd::done);
  EXPECT_TRUE(world.call(server, 0, [&] { return close(at_server(), far.listener); }));
  EXPECT_EQ(world.network().socket_count(server), 0u);
}

TEST_F(SimNetworkTest, ClosingWithUnreadBytesResetsThePeer) {
  connect();
  const std::string text = "never read";
  world.start(server, 0, [this, &text] { return send_text(at_server(), far, text); });
  world.run_for(kSecond);
  receive_at_server();
  close_at_client();
  ASSERT_EQ(world.run_until([&] { return far.error.has_value(); }, kSecond), RunEnd::done);
  EXPECT_EQ(*far.error, Error::closed);
}

TEST_F(SimNetworkTest, ASendToAPeerThatIsGoneMaySucceedOnceAndThenFails) {
  connect();
  ASSERT_TRUE(world.call(server, 0, [&] { return close(at_server(), far.socket); }));
  const std::string text = "into the void";
  send_from_client(text);
  world.run_for(kSecond);
  EXPECT_EQ(near.sent_bytes, text.size());
  send_from_client(text);
  world.run_for(kSecond);
  EXPECT_EQ(near.send_error, Error::closed);
}

using SimNetworkDeathTest = SimNetworkTest;

TEST_F(SimNetworkDeathTest, ASocketIsNotClosedWithRequestsPending) {
  connect();
  world.start(client, 0, [this] { return receive_all(at_client(), near); });
  world.run_for(kSecond);
  EXPECT_DEATH(world.call(client, 0, [&] { return close(at_client(), near.socket); }),
               "closed with requests pending");
}

TEST_F(SimNetworkDeathTest, BytesThatChangeDuringASendStopTheTest) {
  connect();
  std::string text = pattern(400'000);  // more than the connection holds
  send_from_client(text);
  world.run_for(kSecond);
  ASSERT_EQ(near.sent_bytes, 0u);
  text[0] = '!';
  receive_at_server();
  EXPECT_DEATH(world.run_for(60 * kSecond), "bytes of a send changed");
}

}  // namespace
}  // namespace penstock::sim
