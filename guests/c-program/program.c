// A command in C for preview 1 of WASI: arguments, the environment, standard input
// and output, files and folders, and ways to end. Errors go to standard error with exit
// code 1.
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char USAGE[] =
    "usage: c-program COMMAND\n"
    "\n"
    "  args [ARG]...    print each ARG on its own line, with its number\n"
    "  env NAME         print an environment variable\n"
    "  sum              print the sum and the mean of the numbers in stdin\n"
    "  words IN OUT     write the words of the file IN to OUT, sorted and counted, and\n"
    "                   print how many there are\n"
    "  list PATH        print the sorted names in a folder, with the size of each file\n"
    "  remove PATH      remove a file\n"
    "  year             print the year\n"
    "  exit CODE        exit with CODE\n"
    "  abort            abort\n"
    "  divide A B       print A / B in whole numbers\n";

static int fail(const char *what) {
    fprintf(stderr, "error: %s: %s\n", what, strerror(errno));
    return 1;
}

static void *grow(void *block, size_t count, size_t size) {
    block = realloc(block, count * size);
    if (block == NULL) {
        exit(fail("memory"));
    }
    return block;
}

static int compare(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int sum(void) {
    double sum = 0, number;
    unsigned count = 0;
    while (scanf("%lf", &number) == 1) {
        sum += number;
        count++;
    }
    if (!feof(stdin)) {
        fputs("error: not a number\n", stderr);
        return 1;
    }
    printf("%u numbers, sum %.3f, mean %.3f\n", count, sum, count == 0 ? 0 : sum / count);
    return 0;
}

static int words(const char *from, const char *to) {
    FILE *in = fopen(from, "r");
    if (in == NULL) {
        return fail(from);
    }
    char **words = NULL;
    size_t count = 0;
    char word[64];
    while (fscanf(in, "%63s", word) == 1) {
        for (char *c = word; *c != '\0'; c++) {
            *c = (char)tolower((unsigned char)*c);
        }
        words = grow(words, count + 1, sizeof *words);
        words[count] = strcpy(grow(NULL, strlen(word) + 1, 1), word);
        count++;
    }
    fclose(in);
    if (count > 0) {
        qsort(words, count, sizeof *words, compare);
    }

    FILE *out = fopen(to, "w");
    if (out == NULL) {
        return fail(to);
    }
    size_t different = 0;
    for (size_t first = 0, next; first < count; first = next) {
        for (next = first + 1; next < count && strcmp(words[first], words[next]) == 0;) {
            next++;
        }
        fprintf(out, "%s %zu\n", words[first], next - first);
        different++;
    }
    if (fclose(out) != 0) {
        return fail(to);
    }
    printf("%zu words, %zu different\n", count, different);
    return 0;
}

static int list(const char *path) {
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return fail(path);
    }
    char **names = NULL;
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        names = grow(names, count + 1, sizeof *names);
        names[count] = strcpy(grow(NULL, strlen(entry->d_name) + 1, 1), entry->d_name);
        count++;
    }
    closedir(folder);
    if (count > 0) {
        qsort(names, count, sizeof *names, compare);
    }
    for (size_t i = 0; i < count; i++) {
        char full[512];
        struct stat about;
        snprintf(full, sizeof full, "%s/%s", path, names[i]);
        if (stat(full, &about) != 0) {
            return fail(full);
        }
        if (S_ISDIR(about.st_mode)) {
            printf("%s/\n", names[i]);
        } else {
            printf("%s %lld\n", names[i], (long long)about.st_size);
        }
    }
    return 0;
}

int main(int argc, char **argv) {
    const char *command = argc > 1 ? argv[1] : "";
    if (strcmp(command, "args") == 0) {
        for (int i = 2; i < argc; i++) {
            printf("%d %s\n", i - 1, argv[i]);
        }
        return 0;
    }
    if (strcmp(command, "env") == 0 && argc == 3) {
        const char *value = getenv(argv[2]);
        puts(value == NULL ? "not set" : value);
        return 0;
    }
    if (strcmp(command, "sum") == 0) {
        return sum();
    }
    if (strcmp(command, "words") == 0 && argc == 4) {
        return words(argv[2], argv[3]);
    }
    if (strcmp(command, "list") == 0 && argc == 3) {
        return list(argv[2]);
    }
    if (strcmp(command, "remove") == 0 && argc == 3) {
        return remove(argv[2]) == 0 ? 0 : fail(argv[2]);
    }
    if (strcmp(command, "year") == 0) {
        time_t now = time(NULL);
        printf("%d\n", gmtime(&now)->tm_year + 1900);
        return 0;
    }
    if (strcmp(command, "exit") == 0 && argc == 3) {
        // What is still in the buffer must be written.
        printf("leaving");
        exit(atoi(argv[2]));
    }
    if (strcmp(command, "abort") == 0) {
        abort();
    }
    if (strcmp(command, "divide") == 0 && argc == 4) {
        printf("%d\n", atoi(argv[2]) / atoi(argv[3]));
        return 0;
    }
    fputs(USAGE, stderr);
    return 2;
}
