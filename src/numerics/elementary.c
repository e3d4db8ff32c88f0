#include "numerics/elementary.h"

/* Where a call is not compiled in line. */
extern inline uint64_t elementary_bits(double x);
extern inline double elementary_from_bits(uint64_t bits);
extern inline double elementary_if(int condition, double x, double y);
extern inline double elementary_negative(double x);
extern inline struct elementary_power_of_e elementary_exp_parts(double x);
extern inline double elementary_exp(double x);
extern inline double elementary_tanh(double x);
extern inline double elementary_log_low(double f);
extern inline struct elementary_split elementary_split_of(double x);
extern inline double elementary_log_edges(double x, double value);
extern inline double elementary_log(double x);
extern inline double elementary_log10(double x);
extern inline double elementary_log1p(double x);
extern inline double elementary_logit(double p);
extern inline struct elementary_angle elementary_angle_of(double x);
extern inline double elementary_turn(uint64_t n, double r, double low);
extern inline double elementary_sin(double x);
extern inline double elementary_cos(double x);
extern inline double elementary_floor(double x);
extern inline double elementary_power(double a, double b);
