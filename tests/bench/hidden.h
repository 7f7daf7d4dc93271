/* SPDX-License-Identifier: MIT */
/* The address of a function that libbide.so has but does not export, from its own symbol table. */
#ifndef HIDDEN_H
#define HIDDEN_H

#include "bench.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static inline const char *map_file(const char *path)
{
    struct stat status;
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return NULL;
    void *file = fstat(fd, &status) < 0 ? MAP_FAILED
                                        : mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    return file == MAP_FAILED ? NULL : file; /* it stays mapped: the program is short */
}

/* NULL for a name that is not there, as in a stripped library. */
static inline void *hidden_function(const char *name)
{
    Dl_info info;
    if (!dladdr((void *)(uintptr_t)bide_run, &info)) return NULL;
    const char *file = map_file(info.dli_fname);
    if (!file) return NULL;
    const Elf64_Ehdr *header = (const void *)file;
    const Elf64_Shdr *sections = (const void *)(file + header->e_shoff);
    for (int i = 0; i < header->e_shnum; i++) {
        if (sections[i].sh_type != SHT_SYMTAB) continue;
        const Elf64_Sym *symbols = (const void *)(file + sections[i].sh_offset);
        const char *names = file + sections[sections[i].sh_link].sh_offset;
        for (size_t j = 0; j < sections[i].sh_size / sizeof *symbols; j++)
            if (strcmp(names + symbols[j].st_name, name) == 0)
                return (char *)info.dli_fbase + symbols[j].st_value;
    }
    return NULL;
}

#endif
