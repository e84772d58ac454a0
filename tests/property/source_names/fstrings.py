# f-strings that hold code objects, for source_names.py. Nothing runs it.
def f():
    a = f"{[x for x in y]}"
    b = ("aaa"
         f"{[x for x in y]}"
         "ccc" f"{[x for x in z]}")
    c = f'''
      {[x for x in y]}
      {[x
        for x in z]}'''
    d = g(
       f"""{a}
       {', '.join(x for x in y)}"""
       f"""
       {(lambda: x)}""")
    e = f"{x:{[y for y in z]}}"
    e = f"{x:{f'{[y for y in z]}'}}"
    h = f"{a}"\
        f"{[x for x in y]}"
    h = f'''{x}
        {x:{[y for y in z]}}'''
    h = (f"a\n"
         f"b{x}\n"
         f'''cc{y}
         {[y for y in r]}''')
    h = f'''
        {(y for y in r)!r}
        {(y for y in r)!r}
        {
          [y for y in r]
           !r}
        '''
    h = "a\
b" f"{[y for y in r]}"
    h = f'''{
          y for y in r
           !r}
        '''
    h = f'{{[x for x in y]}}{{{[x for x in y]}}}\N{LATIN SMALL LETTER A}{[x for x in z]}'
    h = rf'\N{[x for x in z]}' f'{x!r:>{[y for y in z][0]}}{x:{{[y for y in z]}}}'
    h = f'{a["{[x for x in y]"]}{x != [y for y in z]}{x == y >= (y for y in z)}'
    h = f"""{'}' + str([x for x in
y])}{ (lambda: x)() }{(lambda x: f'''{[y
    for y in x]} {
    [z for z in x]}''')}
    {g(f'{x!r}'
       f'{[y for y in x]}', lambda: 0)}""" rf'{(lambda: y)}' f'''
    {[(lambda: (lambda: x)) for x in y]:{(lambda: z)}
    {(lambda: a)!r}}
    '''
    class C: x = f'''
    {[f"""{
        (lambda: x)!r} {[y for y in x]:
        }""" for x in f"{(lambda: z)}"]}'''
    return F"{lambda_ if lambda_ else [lambda: x, lambda: y]}"f''f''''''f"""{(x for
x in y)}"""
