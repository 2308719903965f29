/* What cffi compiles of csrc/conn. */
#include "conn/conn.h"
