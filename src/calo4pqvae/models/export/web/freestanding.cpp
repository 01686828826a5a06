// The core for WebAssembly, with what it needs of a C library: memory that only grows, no
// files, and a few functions of strings. Those of mathematics come from JavaScript.
#include "calo4pqvae.h"

#include <cstdarg>

extern "C" {

extern char __heap_base;

void *malloc(std::size_t n) {
  static std::uintptr_t used = 0;
  constexpr std::uintptr_t PAGE = 1 << 16, ALIGNED = 64;
  if (!used) used = (reinterpret_cast<std::uintptr_t>(&__heap_base) + ALIGNED - 1) / ALIGNED * ALIGNED;
  if (n > (1u << 30)) return nullptr;
  const std::uintptr_t mine = used, end = mine + (n + ALIGNED - 1) / ALIGNED * ALIGNED;
  const std::uintptr_t have = __builtin_wasm_memory_size(0) * PAGE;
  if (end > have && __builtin_wasm_memory_grow(0, (end - have + PAGE - 1) / PAGE) == static_cast<std::size_t>(-1))
    return nullptr;
  used = end;
  return reinterpret_cast<void *>(mine);
}

// Memory of the page is zero until it is handed out, and it is handed out once.
void *calloc(std::size_t n, std::size_t size) { return malloc(n * size); }
void free(void *) {}

std::FILE *fopen(const char *, const char *) { return nullptr; }
int fclose(std::FILE *) { return 0; }
int fseek(std::FILE *, long, int) { return -1; }
long ftell(std::FILE *) { return -1; }
std::size_t fread(void *, std::size_t, std::size_t, std::FILE *) { return 0; }

int strcmp(const char *a, const char *b) {
  for (; *a && *a == *b; ++a, ++b) {
  }
  return static_cast<unsigned char>(*a) - static_cast<unsigned char>(*b);
}

// As far as names of arrays need it: %s, and %d of numbers that are not negative.
int snprintf(char *out, std::size_t size, const char *format, ...) {
  std::va_list given;
  va_start(given, format);
  std::size_t n = 0;
  const auto put = [&](char letter) {
    if (n + 1 < size) out[n++] = letter;
  };
  for (; *format; ++format) {
    if (*format != '%') {
      put(*format);
    } else if (*++format == 's') {
      for (const char *text = va_arg(given, const char *); *text; ++text) put(*text);
    } else {
      char digits[12];
      int left = va_arg(given, int), length = 0;
      do digits[length++] = static_cast<char>('0' + left % 10);
      while (left /= 10);
      while (length) put(digits[--length]);
    }
  }
  va_end(given);
  out[n] = 0;
  return static_cast<int>(n);
}

float logf(float x) { return static_cast<float>(log(static_cast<double>(x))); }
float log1pf(float x) { return static_cast<float>(log1p(static_cast<double>(x))); }

}  // extern "C"

void *operator new(std::size_t n, const std::nothrow_t &) noexcept { return malloc(n); }
void operator delete(void *) noexcept {}
void operator delete(void *, std::size_t) noexcept {}
