/* SPDX-License-Identifier: MIT */
/* Decimal numbers in and out, as Python spells them, whatever the process's locale. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>
#include "nn/object.h"

static locale_t c_locale;
static once_flag c_locale_once = ONCE_FLAG_INIT;

static void make_c_locale(void) {
  c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static double read_prefix(const char *text, char **end) {
  call_once(&c_locale_once, make_c_locale);
  return c_locale ? strtod_l(text, end, c_locale) : strtod(text, end);
}

bool lsi_read_double(const char *text, double *value) {
  if (*text == '\0' || text[strspn(text, "0123456789+-.eE")] != '\0')
    return false;
  char *end;
  double number = read_prefix(text, &end);
  if (*end != '\0' || !isfinite(number))
    return false;
  *value = number;
  return true;
}

/* Digits and exponent of the shortest decimal that reads back as |value|. */
static int shortest_digits(double value, char digits[32]) {
  for (int precision = 0; precision < 17; precision++) {
    char text[40];
    snprintf(text, sizeof text, "%.*e", precision, value);
    if (precision > 0)
      text[1] = '.'; /* a locale's comma */
    char *mantissa_end = strchr(text, 'e');
    if (precision < 16 && read_prefix(text, NULL) != value)
      continue;
    int n = 0;
    for (const char *c = text; c < mantissa_end; c++)
      if (*c != '.')
        digits[n++] = *c;
    digits[n] = '\0';
    return atoi(mantissa_end + 1);
  }
  return 0;
}

/* Python's repr: positional for exponents -4..15, else d.ddde-XX. */
void lsi_format_double(double value, char *buffer, size_t size) {
  if (isnan(value) || isinf(value) || value == 0.0) {
    const char *sign = signbit(value) && !isnan(value) ? "-" : "";
    snprintf(buffer, size, "%s%s", sign, isnan(value) ? "nan" : isinf(value) ? "inf" : "0.0");
    return;
  }
  const char *sign = value < 0 ? "-" : "";
  char digits[32];
  int e = shortest_digits(fabs(value), digits), n = (int)strlen(digits);
  if (e < -4 || e >= 16)
    snprintf(buffer, size, "%s%c%s%se%c%02d", sign, digits[0], n > 1 ? "." : "", digits + 1,
             e < 0 ? '-' : '+', abs(e));
  else if (e < 0)
    snprintf(buffer, size, "%s0.%.*s%s", sign, -e - 1, "000", digits);
  else if (n <= e + 1)
    snprintf(buffer, size, "%s%s%.*s.0", sign, digits, e + 1 - n, "0000000000000000");
  else
    snprintf(buffer, size, "%s%.*s.%s", sign, e + 1, digits, digits + e + 1);
}
