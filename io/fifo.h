// A first-in, first-out list made of its nodes (their `next`). One thread.
#pragma once

namespace penstock {

template <class Node>
class Fifo {
 public:
  Fifo() = default;
  Fifo(const Fifo&) = delete;
  Fifo& operator=(const Fifo&) = delete;

  bool empty() const { return head_ == nullptr; }
  Node& front() const { return *head_; }

  void push(Node& node) {
    node.next = nullptr;
    (tail_ != nullptr ? tail_->next : head_) = &node;
    tail_ = &node;
  }
  Node& pop() {
    Node& node = *head_;
    head_ = node.next;
    if (head_ == nullptr) tail_ = nullptr;
    return node;
  }

  // All nodes, linked by `next`; the list is empty afterwards, so what is pushed meanwhile waits for the next call.
  Node* take_all() {
    Node* first = head_;
    head_ = tail_ = nullptr;
    return first;
  }

 private:
  Node* head_ = nullptr;
  Node* tail_ = nullptr;
};

}  // namespace penstock
