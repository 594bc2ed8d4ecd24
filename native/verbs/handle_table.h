// Handles for what JavaScript names by number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace sanswitch::verbs {

// Things of one thread. A handle is a place and a generation, so that one that is old names nothing. Never 0.
template <typename Thing>
class HandleTable {
 public:
  // May throw std::bad_alloc. 0: the table is full.
  uint32_t add(Thing thing) {
    uint32_t index = static_cast<uint32_t>(places_.size());
    if (free_.empty()) {
      if (index == kPlaces) return 0;
      // Room to give the place back, which then can't fail.
      free_.reserve(places_.size() + 1);
      places_.emplace_back();
    } else {
      index = free_.back();
      free_.pop_back();
    }
    Place& place = places_[index];
    place.generation = place.generation % kGenerations + 1;
    place.isTaken = true;
    place.thing = std::move(thing);
    count_++;
    return place.generation << kPlaceBits | index;
  }

  // Null: there is no such thing.
  Thing* find(uint32_t handle) {
    uint32_t index = handle & (kPlaces - 1);
    if (index >= places_.size()) return nullptr;
    Place& place = places_[index];
    return place.isTaken && place.generation == handle >> kPlaceBits ? &place.thing : nullptr;
  }

  // Forgets a thing that find() has found.
  void remove(uint32_t handle) {
    uint32_t index = handle & (kPlaces - 1);
    places_[index].isTaken = false;
    places_[index].thing = Thing();
    free_.push_back(index);
    count_--;
  }

  // Calls `use` with every thing.
  template <typename Use>
  void forEach(Use use) {
    for (Place& place : places_) {
      if (place.isTaken) use(place.thing);
    }
  }

  // The handle of the first thing of which `isIt` is true; 0: none.
  template <typename IsIt>
  uint32_t search(IsIt isIt) const {
    for (size_t index = 0; index < places_.size(); index++) {
      const Place& place = places_[index];
      if (place.isTaken && isIt(place.thing)) return place.generation << kPlaceBits | static_cast<uint32_t>(index);
    }
    return 0;
  }

  size_t count() const { return count_; }

 private:
  static constexpr uint32_t kPlaceBits = 20;
  static constexpr uint32_t kPlaces = 1u << kPlaceBits;
  // Handles are positive as signed words too.
  static constexpr uint32_t kGenerations = (1u << (31 - kPlaceBits)) - 1;

  struct Place {
    Thing thing{};
    uint32_t generation = 0;
    bool isTaken = false;
  };

  std::vector<Place> places_;
  std::vector<uint32_t> free_;
  size_t count_ = 0;
};

}  // namespace sanswitch::verbs
