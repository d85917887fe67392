// Nodes that any thread may push and one thread takes, all at once, oldest first.
//
// The list is made of the nodes themselves (their `next`), so pushing never allocates and never fails. A push is one
// compare-and-swap. Nodes of one sender come out in the order it pushed them.
#pragma once

#include <atomic>

namespace penstock {

template <class Node>
class Inbox {
 public:
  Inbox() = default;
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  // Sequentially consistent, like empty(): a sender that pushes and then finds the taker awake, and a taker that
  // falls asleep and then finds nothing here, cannot both be right.
  void push(Node& node) {
    Node* head = newest_.load(std::memory_order_relaxed);
    do {
      node.next = head;
    } while (!newest_.compare_exchange_weak(head, &node, std::memory_order_seq_cst,
                                            std::memory_order_relaxed));
  }
  bool empty() const { return newest_.load(std::memory_order_seq_cst) == nullptr; }

  // The nodes, linked by `next`. Read a node's `next` before giving the node away.
  Node* take_all() {
    if (newest_.load(std::memory_order_relaxed) == nullptr) return nullptr;
    Node* node = newest_.exchange(nullptr, std::memory_order_acquire);
    Node* oldest = nullptr;
    while (node != nullptr) {
      Node* older = node->next;
      node->next = oldest;
      oldest = node;
      node = older;
    }
    return oldest;
  }

 private:
  std::atomic<Node*> newest_{nullptr};
};

}  // namespace penstock
