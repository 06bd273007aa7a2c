// The products of a 27M segment beside Eigen, OpenBLAS and oneDNN, turn by turn in one run on one thread:
//   g++ -O3 -march=native -DNDEBUG -std=c++20 -I include -I bench -I /usr/include/eigen3 bench/peers/products.cpp -o
//   products
//     -lbenchmark -lopenblas -ldnnl -pthread
//   OMP_NUM_THREADS=1 ./products [rows]
// Each sums the four shapes (qkv, o, gate and up, down) of 24 blocks, weights streaming from memory as in a model;
// Debian's libopenblas-dev, libdnnl-dev and libbenchmark-dev.

#include "../operations.hpp"
#include "../peak.hpp"

#include <Eigen/Core>
#include <oneapi/dnnl/dnnl.hpp>

#include <cblas.h>
#include <cstdio>
#include <cstdlib>
#include <map>

namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
struct Shape {
  std::size_t cols, depth;
};
constexpr Shape shapes[] = {{1536, 512}, {512, 512}, {3072, 512}, {512, 1536}};

/// y = x W^T with oneDNN's inner product and weights in the layout it chooses.
struct OneDnn {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::vector<dnnl::memory> weights;
  dnnl::memory x, y;
  dnnl::inner_product_forward product;

  OneDnn(std::size_t rows, Shape s, std::size_t copies, dnnl::memory::data_type type) {
    using D = dnnl::memory;
    const auto n = static_cast<D::dim>(rows), o = static_cast<D::dim>(s.cols), k = static_cast<D::dim>(s.depth);
    const D::desc x_desc({n, k}, type, D::format_tag::nc);
    const D::desc y_desc({n, o}, D::data_type::f32, D::format_tag::nc);
    const dnnl::inner_product_forward::primitive_desc chosen(
        dnnl::inner_product_forward::desc(dnnl::prop_kind::forward_inference, x_desc,
                                          D::desc({o, k}, type, D::format_tag::any), y_desc),
        engine);
    x = D(x_desc, engine);
    y = D(y_desc, engine);
    std::memset(x.get_data_handle(), 0, x_desc.get_size());
    for (std::size_t c = 0; c < copies; ++c) {
      weights.emplace_back(chosen.weights_desc(), engine);
      std::memset(weights.back().get_data_handle(), 0, chosen.weights_desc().get_size());
    }
    product = dnnl::inner_product_forward(chosen);
  }
  void run(std::size_t turn) {
    product.execute(stream, {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, weights[turn % weights.size()]}, {DNNL_ARG_DST, y}});
    stream.wait();
  }
};

}  // namespace

int main(int count, char** values) {
  const std::size_t rows = count > 1 ? static_cast<std::size_t>(std::atoi(values[1])) : 82;
  openblas_set_num_threads(1);
  using Arch = hrm::kernels::NativeArch;
  std::map<std::string, std::vector<std::function<void(std::size_t)>>> peers;
  double flop = 0.0;
  for (const Shape s : shapes) {
    const std::size_t copies = bench::streaming(s.cols, s.depth);
    flop += 24.0 * 2.0 * static_cast<double>(rows * s.cols * s.depth);
    const auto ours = [&](const std::string& name, auto operation) {
      peers[name].push_back([operation](std::size_t) { operation.run(); });
    };
    ours("hrm float32", bench::product<float>(hrm::kernels::table<Arch, float>(), rows, s.cols, s.depth));
    ours("hrm bfloat16",
         bench::product<hrm::bfloat16>(hrm::kernels::table<Arch, hrm::bfloat16>(), rows, s.cols, s.depth));
    ours("hrm int8", bench::product<std::int8_t>(hrm::kernels::table<Arch, std::int8_t>(), rows, s.cols, s.depth));

    auto x = std::make_shared<Matrix>(Matrix::Random(static_cast<long>(rows), static_cast<long>(s.depth)));
    auto y = std::make_shared<Matrix>(static_cast<long>(rows), static_cast<long>(s.cols));
    auto w = std::make_shared<std::vector<Matrix>>(
        copies, Matrix::Random(static_cast<long>(s.cols), static_cast<long>(s.depth)));
    peers["Eigen"].push_back([=](std::size_t turn) { y->noalias() = *x * (*w)[turn % w->size()].transpose(); });
    peers["OpenBLAS"].push_back([=](std::size_t turn) {
      cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, static_cast<int>(rows), static_cast<int>(s.cols),
                  static_cast<int>(s.depth), 1.0F, x->data(), static_cast<int>(s.depth), (*w)[turn % w->size()].data(),
                  static_cast<int>(s.depth), 0.0F, y->data(), static_cast<int>(s.cols));
    });
    for (const auto& [name, type] : {std::pair{"oneDNN float32", dnnl::memory::data_type::f32},
                                     std::pair{"oneDNN bfloat16", dnnl::memory::data_type::bf16}}) {
      try {
        auto made = std::make_shared<OneDnn>(rows, s, copies, type);
        peers[name].push_back([made](std::size_t turn) { made->run(turn); });
      } catch (const dnnl::error&) {  // oneDNN has bfloat16 from AVX-512 on only
      }
    }
  }
  std::map<std::string, std::vector<double>> times, shares;
  std::size_t turn = 0;
  for (int round = 0; round < 9; ++round) {
    for (auto& [name, products] : peers) {
      const double before = bench::peak_here(4);
      const auto begin = bench::Clock::now();
      for (int block = 0; block < 24; ++block, ++turn) {
        for (auto& product : products) product(turn);
      }
      const double t = bench::seconds_since(begin);
      times[name].push_back(t);
      shares[name].push_back(flop / t * 1e-9 / std::max(before, bench::peak_here(4)));
    }
  }
  std::printf("%zu rows, one thread: the products of a segment\n", rows);
  for (auto& [name, t] : times) {
    std::sort(t.begin(), t.end());
    std::sort(shares[name].begin(), shares[name].end());
    std::printf("  %-18s %8.2f ms %6.1f %% of the float32 FMA peak\n", name.c_str(), t[t.size() / 2] * 1e3,
                100.0 * shares[name][shares[name].size() / 2]);
  }
  return 0;
}
