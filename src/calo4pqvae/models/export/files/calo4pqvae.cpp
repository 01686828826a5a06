// The core as one object, for programs in C and other languages.
#include "calo4pqvae.h"
