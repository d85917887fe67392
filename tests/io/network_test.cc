// Stream sockets on the real backends, over loopback.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <vector>

#include "io/event.h"
#include "tests/io/reactor_fixture.h"

namespace penstock {
namespace {

class RealNetwork : public RealReactors {};
ON_BOTH_BACKENDS(RealNetwork);

const NetworkAddress kAnyPort{"127.0.0.1", 0};

// A byte that depends on its place, so that lost, doubled or moved bytes show.
std::byte byte_at(size_t place) { return std::byte((place * 2654435761u >> 16) & 0xff); }

std::vector<std::byte> pattern(size_t length_bytes) {
  std::vector<std::byte> bytes(length_bytes);
  for (size_t place = 0; place < length_bytes; ++place) bytes[place] = byte_at(place);
  return bytes;
}

struct Pair {
  SocketId listener;
  SocketId server;
  SocketId client;
};

Task<void> accept_into(Network& network, SocketId listener, SocketId& accepted) {
  accepted = (co_await network.accept(listener)).value().socket;
}

Task<Pair> connect_pair(Network& network, NetworkAddress local) {
  Pair pair;
  const auto listener = co_await network.listen(local);
  pair.listener = listener.value().socket;
  TaskGroup accepting;
  accepting.spawn(accept_into(network, pair.listener, pair.server));
  const NetworkAddress remote{local.host, listener.value().port};
  const auto client = co_await network.connect(remote);
  pair.client = client.value().socket;
  co_await accepting.wait_empty();
  co_return pair;
}

Task<void> close_pair(Network& network, Pair pair) {
  EXPECT_TRUE((co_await network.close(pair.client)).ok());
  EXPECT_TRUE((co_await network.close(pair.server)).ok());
  EXPECT_TRUE((co_await network.close(pair.listener)).ok());
}

Task<void> echo_until_end(Doors& doors, SocketId socket) {
  const auto buffer = doors.buffers.allocate(256 << 10);
  const std::span<std::byte> bytes = buffer.value().bytes();
  for (;;) {
    const auto received = co_await doors.network.receive(socket, bytes);
    if (received.value() == 0) break;
    const IoSlice slice{bytes.data(), received.value()};
    const auto sent = co_await doors.network.send(socket, {&slice, 1});
    EXPECT_EQ(sent.value(), received.value());
  }
}

Task<void> receive_pattern(Network& network, SocketId socket, size_t length_bytes) {
  std::vector<std::byte> piece(100'000);
  size_t place = 0;
  while (place < length_bytes) {
    const auto received = co_await network.receive(socket, piece);
    EXPECT_GT(received.value(), 0u);
    if (received.value() == 0) co_return;
    bool same = true;
    for (size_t at = 0; at < received.value(); ++at) same &= piece[at] == byte_at(place + at);
    EXPECT_TRUE(same) << "near byte " << place;
    place += received.value();
  }
  EXPECT_EQ(place, length_bytes);
}

Task<void> echoes_megabytes(Doors& doors) {
  constexpr size_t kLengthBytes = 8 << 20;
  Network& network = doors.network;
  const Pair pair = co_await connect_pair(network, kAnyPort);
  TaskGroup tasks;
  tasks.spawn(echo_until_end(doors, pair.server));
  tasks.spawn(receive_pattern(network, pair.client, kLengthBytes));
  const std::vector<std::byte> bytes = pattern(kLengthBytes);
  const IoSlice slice{bytes.data(), bytes.size()};
  const auto sent = co_await network.send(pair.client, {&slice, 1});
  EXPECT_EQ(sent.value(), kLengthBytes);
  while (tasks.live_count() > 1) co_await doors.clock.sleep_for(1'000'000);
  network.shut_down(pair.client);
  co_await tasks.wait_empty();
  co_await close_pair(network, pair);
}

TEST_P(RealNetwork, EchoesMegabytes) { run(echoes_megabytes); }

// More slices than one system call takes, of all sizes, none among them.
Task<void> sends_many_slices(Doors& doors) {
  Network& network = doors.network;
  const Pair pair = co_await connect_pair(network, kAnyPort);
  std::vector<IoSlice> slices;
  size_t length_bytes = 0;
  for (size_t number = 0; number < 3000; ++number) length_bytes += number * 7 % 1500;
  const std::vector<std::byte> bytes = pattern(length_bytes);
  const std::byte* at = bytes.data();
  for (size_t number = 0; number < 3000; ++number) {
    slices.push_back({at, number * 7 % 1500});
    at += slices.back().length_bytes;
  }
  TaskGroup receiving;
  receiving.spawn(receive_pattern(network, pair.server, length_bytes));
  const auto sent = co_await network.send(pair.client, slices);
  EXPECT_EQ(sent.value(), length_bytes);
  co_await receiving.wait_empty();
  co_await close_pair(network, pair);
}

TEST_P(RealNetwork, SendsAllSlicesInOrder) { run(sends_many_slices); }

Task<void> send_all(Network& network, SocketId socket, std::span<const std::byte> bytes,
                    Result<uint64_t>& outcome) {
  const IoSlice slice{bytes.data(), bytes.size()};
  outcome = co_await network.send(socket, {&slice, 1});
}

Task<void> waits_for_a_slow_reader(Doors& doors) {
  constexpr size_t kLengthBytes = 32 << 20;
  Network& network = doors.network;
  const Pair pair = co_await connect_pair(network, kAnyPort);
  const std::vector<std::byte> bytes = pattern(kLengthBytes);
  Result<uint64_t> outcome = Error::cancelled;
  TaskGroup sending;
  sending.spawn(send_all(network, pair.client, bytes, outcome));
  co_await doors.clock.sleep_for(50'000'000);
  EXPECT_EQ(sending.live_count(), 1u) << "32 MiB fit into the kernel's buffers";
  co_await receive_pattern(network, pair.server, kLengthBytes);
  co_await sending.wait_empty();
  EXPECT_EQ(outcome.value(), kLengthBytes);
  co_await close_pair(network, pair);
}

TEST_P(RealNetwork, HoldsASenderBackWhileTheReaderIsSlow) { run(waits_for_a_slow_reader); }

Task<void> receive_once(Network& network, SocketId socket, Result<uint64_t>& outcome) {
  std::vector<std::byte> bytes(100);
  outcome = co_await network.receive(socket, bytes);
}

Task<void> accept_once(Network& network, SocketId listener, Result<SocketAndPort>& outcome) {
  outcome = co_await network.accept(listener);
}

Task<void> shuts_down_the_parked(Doors& doors) {
  Network& network = doors.network;
  const Pair pair = co_await connect_pair(network, kAnyPort);
  const std::vector<std::byte> bytes(32 << 20);
  Result<SocketAndPort> accepted = Error::busy;
  Result<uint64_t> received = Error::busy;
  Result<uint64_t> sent = Error::busy;
  TaskGroup parked;
  parked.spawn(accept_once(network, pair.listener, accepted));
  parked.spawn(receive_once(network, pair.client, received));
  parked.spawn(send_all(network, pair.client, bytes, sent));
  co_await doors.clock.sleep_for(20'000'000);
  EXPECT_EQ(parked.live_count(), 3u);
  for (int time = 0; time < 2; ++time) {
    network.shut_down(pair.listener);
    network.shut_down(pair.client);
  }
  co_await parked.wait_empty();
  EXPECT_EQ(accepted.error(), Error::closed);
  EXPECT_EQ(sent.error(), Error::closed);
  if (received.ok()) {
    EXPECT_EQ(received.value(), 0u);
  } else {
    EXPECT_EQ(received.error(), Error::closed);
  }
  EXPECT_EQ((co_await network.accept(pair.listener)).error(), Error::closed);
  co_await close_pair(network, pair);
}

TEST_P(RealNetwork, ShutDownWakesWhoeverIsParked) { run(shuts_down_the_parked); }

Task<void> meets_nobody(Doors& doors) {
  Network& network = doors.network;
  const auto listener = co_await network.listen(kAnyPort);
  const NetworkAddress remote{"127.0.0.1", listener.value().port};
  EXPECT_TRUE((co_await network.close(listener.value().socket)).ok());
  EXPECT_EQ((co_await network.connect(remote)).error(), Error::not_found);
  const NetworkAddress name{"localhost", 1};
  EXPECT_EQ((co_await network.connect(name)).error(), Error::invalid_argument);
  EXPECT_EQ((co_await network.listen(name)).error(), Error::invalid_argument);
  const NetworkAddress foreign{"192.0.2.1", 0};
  EXPECT_EQ((co_await network.listen(foreign)).error(), Error::invalid_argument);
}

TEST_P(RealNetwork, TellsRefusedConnectionsAndBadAddresses) { run(meets_nobody); }

Task<void> sees_the_peer_go(Doors& doors) {
  Network& network = doors.network;
  const Pair pair = co_await connect_pair(network, kAnyPort);
  network.shut_down(pair.client);
  std::vector<std::byte> bytes(1 << 20);
  EXPECT_EQ((co_await network.receive(pair.server, bytes)).value(), 0u);
  const IoSlice slice{bytes.data(), bytes.size()};
  Result<uint64_t> sent = uint64_t{0};
  for (int time = 0; time < 10 && sent.ok(); ++time) {
    sent = co_await network.send(pair.server, {&slice, 1});
  }
  EXPECT_EQ(sent.error(), Error::closed);
  co_await close_pair(network, pair);
}

TEST_P(RealNetwork, SeesThePeerGo) { run(sees_the_peer_go); }

Task<void> knows_its_peers(Doors& doors, NetworkAddress local, std::string expected) {
  Network& network = doors.network;
  const Pair pair = co_await connect_pair(network, local);
  const std::string server = network.peer_of(pair.client);
  EXPECT_EQ(server.substr(0, expected.size()), expected);
  EXPECT_GT(std::stoi(server.substr(expected.size())), 0);
  EXPECT_EQ(network.peer_of(pair.server).substr(0, expected.size()), expected);
  co_await close_pair(network, pair);
}

TEST_P(RealNetwork, KnowsItsPeersOfBothFamilies) {
  run([](Doors& doors) { return knows_its_peers(doors, kAnyPort, "127.0.0.1:"); });
  run([](Doors& doors) { return knows_its_peers(doors, {"::1", 0}, "[::1]:"); });
}

Task<void> shares_a_port(Doors& doors) {
  Network& network = doors.network;
  const auto first = co_await network.listen(kAnyPort);
  const NetworkAddress same{"127.0.0.1", first.value().port};
  const auto second = co_await network.listen(same);
  EXPECT_EQ(second.value().port, first.value().port);
  EXPECT_TRUE((co_await network.close(first.value().socket)).ok());
  EXPECT_TRUE((co_await network.close(second.value().socket)).ok());
}

TEST_P(RealNetwork, ListensOnOnePortWithSeveralSockets) { run(shares_a_port); }

Task<void> sets_its_options(Doors& doors) {
  const Pair pair = co_await connect_pair(doors.network, kAnyPort);
  int stream_count = 0;
  for (int descriptor = 0; descriptor < 1024; ++descriptor) {
    int type = 0;
    int no_delay = 0;
    int send_bytes = 0;
    socklen_t length = sizeof type;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &type, &length) < 0) continue;
    if (type != AF_INET) continue;
    ++stream_count;
    EXPECT_EQ(::getsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &no_delay, &length), 0);
    EXPECT_NE(no_delay, 0);
    EXPECT_EQ(::getsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &send_bytes, &length), 0);
    EXPECT_LE(send_bytes, 512 << 10) << "the kernel doubles what it was given";
  }
  EXPECT_EQ(stream_count, 3);
  co_await close_pair(doors.network, pair);
}

TEST_P(RealNetwork, SendsAtOnceAndBuffersLittleOnEverySocket) { run(sets_its_options); }

rlim_t set_descriptor_limit(rlim_t limit) {
  rlimit limits{};
  EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &limits), 0);
  const rlim_t before = std::exchange(limits.rlim_cur, limit);
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &limits), 0);
  return before;
}

rlim_t descriptors_in_use() {
  const int next = ::dup(0);
  ::close(next);
  return static_cast<rlim_t>(next);
}

Task<void> runs_out_of_descriptors(Doors& doors) {
  Network& network = doors.network;
  const auto listener = co_await network.listen(kAnyPort);
  const SocketId listening = listener.value().socket;
  const NetworkAddress remote{"127.0.0.1", listener.value().port};
  const rlim_t before = set_descriptor_limit(descriptors_in_use() + 1);
  const auto client = co_await network.connect(remote);
  EXPECT_TRUE(client.ok());
  EXPECT_EQ((co_await network.connect(remote)).error(), Error::busy);
  EXPECT_EQ((co_await network.accept(listening)).error(), Error::busy);
  EXPECT_EQ((co_await network.accept(listening)).error(), Error::busy);
  set_descriptor_limit(before);
  const auto accepted = co_await network.accept(listening);
  EXPECT_TRUE(accepted.ok()) << "the connection had waited";
  EXPECT_TRUE((co_await network.close(accepted.value().socket)).ok());
  EXPECT_TRUE((co_await network.close(client.value().socket)).ok());
  EXPECT_TRUE((co_await network.close(listening)).ok());
}

TEST_P(RealNetwork, AnswersBusyOutOfDescriptorsAndRecovers) { run(runs_out_of_descriptors); }

Task<void> runs_out_of_sockets(Doors& doors) {
  const Pair pair = co_await connect_pair(doors.network, kAnyPort);
  EXPECT_EQ((co_await doors.network.listen(kAnyPort)).error(), Error::busy);
  EXPECT_EQ((co_await doors.network.connect(kAnyPort)).error(), Error::busy);
  EXPECT_EQ((co_await doors.network.accept(pair.listener)).error(), Error::busy);
  co_await close_pair(doors.network, pair);
  const auto listener = co_await doors.network.listen(kAnyPort);
  EXPECT_TRUE(listener.ok());
  EXPECT_TRUE((co_await doors.network.close(listener.value().socket)).ok());
}

TEST_P(RealNetwork, AnswersBusyWhenItsSocketTableIsFull) {
  Reactors::Options few = options();
  few.sockets_max = 3;
  run(few, runs_out_of_sockets);
}

}  // namespace
}  // namespace penstock
