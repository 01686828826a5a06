#include "stand_ins.hh"
