// Which of several things was used last: a ring through the things themselves, so that it costs no memory of its own.
#pragma once

#include "io/check.h"

namespace penstock {

// Base of what stands in a RecencyList; `Tag` tells apart several lists that one thing may stand in.
template <class Tag>
class RecencyLink {
 public:
  RecencyLink() = default;
  RecencyLink(const RecencyLink&) = delete;
  ~RecencyLink() { check(!listed()); }
  bool listed() const { return next_ != nullptr; }

 private:
  template <class, class>
  friend class RecencyList;
  RecencyLink* next_ = nullptr;
  RecencyLink* previous_ = nullptr;
};

template <class Item, class Tag>
class RecencyList {
 public:
  RecencyList() { ends_.next_ = ends_.previous_ = &ends_; }
  RecencyList(const RecencyList&) = delete;
  ~RecencyList() {
    check(empty());
    ends_.next_ = ends_.previous_ = nullptr;
  }

  bool empty() const { return ends_.next_ == &ends_; }

  // `item` was used just now; adds it if it does not stand here.
  void use(Item& item) {
    RecencyLink<Tag>& link = item;
    remove(item);
    link.previous_ = &ends_;
    link.next_ = ends_.next_;
    link.next_->previous_ = &link;
    ends_.next_ = &link;
  }

  void remove(Item& item) {
    RecencyLink<Tag>& link = item;
    if (!link.listed()) return;
    link.previous_->next_ = link.next_;
    link.next_->previous_ = link.previous_;
    link.next_ = link.previous_ = nullptr;
  }

  // From the one that was not used for longest on; null after the last.
  Item* oldest() const { return item_of(ends_.previous_); }
  Item* next_oldest(const Item& item) const {
    return item_of(static_cast<const RecencyLink<Tag>&>(item).previous_);
  }

 private:
  Item* item_of(RecencyLink<Tag>* link) const {
    return link == &ends_ ? nullptr : static_cast<Item*>(link);
  }

  RecencyLink<Tag> ends_;
};

}  // namespace penstock
