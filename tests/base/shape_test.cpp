#include <hrm/base/shape.hpp>

#include <doctest/doctest.h>

using namespace hrm;

TEST_CASE("the inner size is rounded as Python does, then up to whole 256") {
  CHECK(inner_size(96, 4.0) == 256);  // exactly
  CHECK(inner_size(128, 4.0) == 512);
  CHECK(inner_size(512, 4.0) == 1536);
  CHECK(inner_size(128, 384.75 / 128) == 256);  // 256.5, whose even neighbour is 256
  CHECK(inner_size(128, 384.76 / 128) == 512);
  CHECK(inner_size(128, 2.0) == 256);
}

TEST_CASE("multiply-adds of a segment, counted by hand") {
  Sizes s;
  s.hidden = 8, s.heads = 2, s.inner = 16, s.vocab = 5, s.h_layers = 1, s.l_layers = 2, s.h_cycles = 2, s.l_cycles = 3;
  const SegmentWork work = segment_work(s, 10);
  CHECK(work.block ==
        10 * (8 * 24 + 8 * 8 + 8 * 32 + 16 * 8) + 2 * 10 * 10 * 8);  // qkv, o, gate and up, down; q k, p v
  CHECK(work.blocks == 14);
  CHECK(work.heads == 400);
  CHECK(work.sum() == 14 * 8000 + 400);
}

TEST_CASE("the width of a head, of which there may be none") {
  Sizes s;
  CHECK(s.head_dim() == 0);
  s.hidden = 12, s.heads = 3;
  CHECK(s.head_dim() == 4);
}
