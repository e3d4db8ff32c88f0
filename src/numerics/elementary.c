#include "numerics/elementary.h"

/* Where a call is not compiled in line. */
extern inline uint64_t elementary_bits(double x);
extern inline double elementary_from_bits(uint64_t bits);
extern inline double elementary_if(int condition, double x, double y);
extern inline double elementary_exp(double x);
extern inline double elementary_log(double x);
extern inline double elementary_floor(double x);
extern inline double elementary_power(double a, double b);
