// A library in C, without a C library: the exports of the interface `calculator` by
// the Canonical ABI, as a bindings generator would write them.
#include <stddef.h>
#include <stdint.h>

#define EXPORT(name) __attribute__((export_name(name)))
#define INTERFACE "example:pair/calculator@0.1.0#"

// Arguments are the only thing that the caller allocates, one at a time, and they are of
// no use after the call: all of this memory is free again then.
static _Alignas(8) uint8_t arena[1 << 16];
static size_t used;

EXPORT("cabi_realloc")
void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
    size_t start = (used + align - 1) / align * align;
    if (old != NULL || old_size != 0 || start > sizeof arena || size > sizeof arena - start) {
        __builtin_trap();
    }
    used = start + size;
    return arena + start;
}

// `result<s64, string>` as it lies in memory.
struct value {
    uint8_t is_error;
    _Alignas(8) union {
        int64_t number;
        struct {
            const char *text;
            size_t length;
        } error;
    };
};

static struct value value;
static uint32_t evaluated;

struct input {
    const char *at, *end;
    const char *error;
    unsigned depth;
};

static int64_t expression(struct input *in);

static char next(struct input *in) {
    while (in->at < in->end && *in->at == ' ') {
        in->at++;
    }
    return in->at < in->end ? *in->at : '\0';
}

static int64_t wrong(struct input *in, const char *why) {
    // The first error is the cause of the others.
    if (in->error == NULL) {
        in->error = why;
    }
    in->at = in->end;
    return 0;
}

static int64_t factor(struct input *in) {
    char c = next(in);
    if (++in->depth > 1000) {
        return wrong(in, "too deep");
    }
    int64_t result = 0;
    if (c == '-') {
        in->at++;
        if (__builtin_sub_overflow(0, factor(in), &result)) {
            wrong(in, "too large");
        }
    } else if (c == '(') {
        in->at++;
        result = expression(in);
        if (next(in) == ')') {
            in->at++;
        } else {
            wrong(in, "a parenthesis is missing");
        }
    } else if (c >= '0' && c <= '9') {
        for (; in->at < in->end && *in->at >= '0' && *in->at <= '9'; in->at++) {
            if (__builtin_mul_overflow(result, 10, &result) ||
                __builtin_add_overflow(result, *in->at - '0', &result)) {
                wrong(in, "too large");
                break;
            }
        }
    } else {
        wrong(in, "a number is missing");
    }
    in->depth--;
    return result;
}

static int64_t product(struct input *in) {
    int64_t result = factor(in);
    for (char c; (c = next(in)) == '*' || c == '/';) {
        in->at++;
        int64_t by = factor(in);
        if (c == '*') {
            if (__builtin_mul_overflow(result, by, &result)) {
                wrong(in, "too large");
            }
        } else if (by == 0) {
            wrong(in, "division by zero");
        } else if (by == -1) {
            if (__builtin_sub_overflow(0, result, &result)) {
                wrong(in, "too large");
            }
        } else {
            result /= by;
        }
    }
    return result;
}

static int64_t expression(struct input *in) {
    int64_t result = product(in);
    for (char c; (c = next(in)) == '+' || c == '-';) {
        in->at++;
        int64_t by = product(in);
        if (c == '+' ? __builtin_add_overflow(result, by, &result)
                     : __builtin_sub_overflow(result, by, &result)) {
            wrong(in, "too large");
        }
    }
    return result;
}

EXPORT(INTERFACE "evaluate")
struct value *evaluate(const char *text, size_t length) {
    struct input in = {.at = text, .end = text + length};
    int64_t number = expression(&in);
    if (next(&in) != '\0') {
        wrong(&in, "more than an expression");
    }
    value.is_error = in.error != NULL;
    if (in.error == NULL) {
        value.number = number;
        evaluated++;
    } else {
        value.error.text = in.error;
        value.error.length = 0;
        while (in.error[value.error.length] != '\0') {
            value.error.length++;
        }
    }
    return &value;
}

EXPORT("cabi_post_" INTERFACE "evaluate")
void evaluate_post(struct value *returned) {
    (void)returned;
    used = 0;
}

EXPORT(INTERFACE "evaluated")
uint32_t evaluated_count(void) {
    return evaluated;
}
