// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <oneapi/dnnl/dnnl.hpp>

#include "core/library_threads.h"
#include "core/signal_mask.h"
#include "linalg/check_product.h"
#include "linalg/row_product.h"
#include "lior/core/buffer.h"
#include "lior/core/parallel.h"
#include "lior/core/profile.h"
#include "lior/linalg/gemm.h"

namespace lior::linalg {
namespace {

constexpr double kOperationsTogether = 2e10;  // .1 to .3 s of two cores

/// The library's leading dimension: at least a row, and at least 1.
template <class T>
dnnl_dim_t leading(MatrixView<T> x) {
  return std::max<Index>({1, x.stride, x.cols});
}

/// Lets every worker that a product of this thread may use pass through core/parallel once, where
/// it blocks signals. New workers, these and those that the library starts itself, inherit the mask
/// of this thread: they take no signal before they are there either.
void protect_workers(int count) {
  thread_local int protected_workers = 0;
  if (protected_workers >= count) return;
  protected_workers = count;
  const detail::SignalMask mask;
  parallel_for(count, 1, [](Index, Index, int) {});
}

void multiply(Transpose transpose_a, Transpose transpose_b, float alpha, MatrixView<const float> a,
              MatrixView<const float> b, float beta, MatrixView<float> c) {
  const auto [m, n, k] = check_product(transpose_a, transpose_b, a, b, c);
  if (m == 1 && transpose_a == Transpose::no && transpose_b == Transpose::yes) {
    return row_product(alpha, a.data, b, beta, c.data);
  }
  const auto flag = [](Transpose t) { return t == Transpose::yes ? 'T' : 'N'; };
  const detail::LibraryThreads workers;
  protect_workers(workers.count());
  const detail::SignalMask mask;
  const auto status = dnnl_sgemm(flag(transpose_a), flag(transpose_b), m, n, k, alpha, a.data,
                                 leading(a), b.data, leading(b), beta, c.data, leading(c));
  if (status != dnnl_success) {
    throw RunError(fmt::format("oneDNN's sgemm of {} x {} x {} failed with status {}", m, k, n,
                               static_cast<int>(status)));
  }
}

}  // namespace

template <>
void gemm<float>(Transpose transpose_a, Transpose transpose_b, float alpha,
                 MatrixView<const float> a, MatrixView<const float> b, float beta,
                 MatrixView<float> c) {
  const auto [m, n, k] = check_product(transpose_a, transpose_b, a, b, c);
  const ProfiledOp op("product", 2.0 * m * n * k, product_bytes<float>(m, n, k, beta != 0));
  if (m == 0 || n == 0) return;
  if (k == 0 || alpha == 0) return scale(c, beta);
  in_blocks(
      {m, n, k}, kOperationsTogether, [&, k = k](Index row, Index col, Index rows, Index cols) {
        multiply(transpose_a, transpose_b, alpha, block_of(transpose_a, a, row, 0, rows, k),
                 block_of(transpose_b, b, 0, col, k, cols), beta, c.block(row, col, rows, cols));
      });
}

bool bf16_is_native() {
  const auto has = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto wanted = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
  return (has & wanted) == wanted;  // each level's bits hold those of the levels that it extends
}

namespace {

/// A product's shape, strides and beta: what a primitive is compiled for.
struct Bf16Product {
  std::array<Index, 9> key;
  float beta;
  friend auto operator<=>(const Bf16Product&, const Bf16Product&) = default;
};

struct CompiledProduct {
  dnnl::memory::desc a, b, c, scratch;
  dnnl::matmul multiply;
};

const dnnl::engine& cpu() {
  static const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  return engine;
}

dnnl::memory::desc describe(Index rows, Index cols, bool transposed, Index stride,
                            dnnl::memory::data_type type) {
  return {{rows, cols},
          type,
          transposed ? dnnl::memory::dims{1, stride} : dnnl::memory::dims{stride, 1}};
}

CompiledProduct compile(const Bf16Product& product) {
  const auto [m, n, k, ta, tb, lda, ldb, ldc, threads] = product.key;
  using Type = dnnl::memory::data_type;
  const auto a = describe(m, k, ta != 0, lda, Type::bf16);
  const auto b = describe(k, n, tb != 0, ldb, Type::bf16);
  const auto c = describe(m, n, false, ldc, Type::f32);
  // The library's own scratch memory is of the thread that compiled; any thread may run this one.
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  if (product.beta != 0) {
    dnnl::post_ops accumulate;
    accumulate.append_sum(product.beta);
    attributes.set_post_ops(accumulate);
  }
  const dnnl::matmul::primitive_desc chosen(dnnl::matmul::desc(a, b, c), attributes, cpu());
  return {a, b, c, chosen.scratchpad_desc(), dnnl::matmul(chosen)};
}

/// Compiled at a shape's first use, kept for good: a model has a few dozen shapes.
const CompiledProduct& compiled(const Bf16Product& product) {
  static std::mutex mutex;
  static std::map<Bf16Product, CompiledProduct> products;
  const std::lock_guard lock(mutex);
  const auto found = products.find(product);
  return found != products.end() ? found->second
                                 : products.emplace(product, compile(product)).first->second;
}

void multiply(Transpose transpose_a, Transpose transpose_b, MatrixView<const BFloat16> a,
              MatrixView<const BFloat16> b, float beta, MatrixView<float> c) {
  const auto [m, n, k] = check_product(transpose_a, transpose_b, a, b, c);
  const detail::LibraryThreads workers;
  const CompiledProduct& product =
      compiled({{m, n, k, transpose_a == Transpose::yes, transpose_b == Transpose::yes, leading(a),
                 leading(b), leading(c), workers.count()},
                beta});
  thread_local Buffer<std::byte> scratch;
  const auto scratch_bytes = static_cast<Index>(product.scratch.get_size());
  if (scratch.size() < scratch_bytes) scratch = Buffer<std::byte>(scratch_bytes);
  const auto memory = [](const dnnl::memory::desc& desc, const void* data) {
    return dnnl::memory(desc, cpu(), const_cast<void*>(data));
  };
  dnnl::stream stream(cpu());
  product.multiply.execute(stream,
                           {{DNNL_ARG_SRC, memory(product.a, a.data)},
                            {DNNL_ARG_WEIGHTS, memory(product.b, b.data)},
                            {DNNL_ARG_DST, memory(product.c, c.data)},
                            {DNNL_ARG_SCRATCHPAD, memory(product.scratch, scratch.data())}});
  stream.wait();
}

}  // namespace

void gemm_bf16(Transpose transpose_a, Transpose transpose_b, MatrixView<const BFloat16> a,
               MatrixView<const BFloat16> b, float beta, MatrixView<float> c) {
  LIOR_CHECK(bf16_is_native(),
             "bf16 products need a processor with AVX-512 BF16 or AMX, which this one lacks; use "
             "float (f32)");
  const auto [m, n, k] = check_product(transpose_a, transpose_b, a, b, c);
  if (m == 0 || n == 0) return;
  if (k == 0) return scale(c, beta);
  in_blocks(
      {m, n, k}, kOperationsTogether, [&, k = k](Index row, Index col, Index rows, Index cols) {
        multiply(transpose_a, transpose_b, block_of(transpose_a, a, row, 0, rows, k),
                 block_of(transpose_b, b, 0, col, k, cols), beta, c.block(row, col, rows, cols));
      });
}

}  // namespace lior::linalg
