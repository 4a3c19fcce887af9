// SPDX-License-Identifier: Apache-2.0
#include "lior/core/denormals.h"

#ifdef __aarch64__

namespace lior {
namespace {

unsigned control() { return __builtin_aarch64_get_fpcr(); }
void set_control(unsigned bits) { __builtin_aarch64_set_fpcr(bits); }
constexpr unsigned kDenormalsAsZeros = 1U << 24;  // FZ

}  // namespace

#elif defined(__SSE__)
#include <xmmintrin.h>

namespace lior {
namespace {

unsigned control() { return _mm_getcsr(); }
void set_control(unsigned bits) { _mm_setcsr(bits); }
constexpr unsigned kDenormalsAsZeros = 0x8000 | 0x0040;  // of results, and of operands

}  // namespace

#else

namespace lior {
namespace {

unsigned control() { return 0; }
void set_control(unsigned) {}
constexpr unsigned kDenormalsAsZeros = 0;  // no such mode is known here

}  // namespace
#endif

FlushDenormals::FlushDenormals() noexcept : saved_(control()) {
  set_control(saved_ | kDenormalsAsZeros);
}

FlushDenormals::~FlushDenormals() { set_control(saved_); }

}  // namespace lior
