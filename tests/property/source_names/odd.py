# What compiles under 3.6 to 3.10 and is seldom written; source_names.py compares it. Nothing runs it.
def f():
    x = [
        (lambda
            :
            0)
        for a in
        [lambda: 0]
    ]
    g = f(
        y for y in x)
    d = {
      1
      :
      2 for z in x}
    s = {

      1 for z in x}
    t = list(

      ((
        3)) for z in x)
    k = ((
        (4) for z in x))
    global G, H; global J
    class G:
        def m(self): return [lambda: b for b in [lambda: 1]]
        def H(self): pass
    def H(): return lambda: 0
    def inner():
        def J(): pass
        class G: pass
    class K:
        global L
        def L(self): return lambda: 1
        x = lambda: 0; y = [i for i in x]; z = {i: (lambda: i) for i in (lambda: y)()}
    def J(): yield (lambda: 0)
    if x: global M
    def M(): pass
    def h(a=lambda: 0, *, b: (lambda: 1)=2) -> (lambda: 3): pass
    return f"{x for x in y}"


@f(
   1)

@g
def k(): pass


@ \
  f
class K(

   (lambda: 0)()):
    pass


@f(lambda: 0,
   [i for i in x])
@f(lambda:
   (lambda: 1))
async def co():
    async def deeper(): return lambda: 0
    return [lambda: x async for x in y if (lambda: x)]


lambda x=lambda: 0: x
def \
 z():
   u = [
      [q for q in r]
      for r in s]
   i = [
      *a,
      [q
       for q in r] + 1
      ]
   e = ['''
   ''' for q in r]
   e = ('''
   ''' 'a' for q in r)
   return {
      x: lambda: {y: 1 for y in z} for x in
      {x: lambda: 0}
      for y in (lambda: 1) if [z for z in (lambda: 2)]}


class A: x = lambda: 0; y = lambda a, b=lambda: 1, *c: [lambda: i for i in a]
class B:
	class C: z = {lambda: 0: 1}; w = x[lambda: 1:lambda: 2]; v = {x: lambda: 0, y: lambda: 1}
	def __private(self, __y=[i for i in range(9)]):
	    def __deeper(): return __y
	    class __Deepest: pass
        # as far as a tab, in another way
  # further left
	def after(self): return (lambda: lambda: lambda:
                                 [x for x in (y for y in z)])

if A: pass
else: x = [0x1for x in (1if A else 2, 1.e3if A else 1_0j)]
for x in lambda: 0, lambda: [x for x in y]: pass
while lambda: 0: break
with f(lambda: 0) as g, h(lambda: 1): pass
def nested(a=[x for x in (lambda b=(lambda: 1): (lambda: 2))()], *b, c=lambda *d, **e: (yield)): \
    return lambda: 0


def strings():
    a = 'def x(): \
    pass'; b = r'\'; lambda: 0'; c = b"\"" rb'''"' def y(): '''; u''; d = """
def z(): lambda: 0
"""
    return"a"if[x for x in""]else'b'if(lambda: 0)else"c"


 # an indented comment
 	
def pages():
    x = lambda: 0
    def page(): return x
    for y in [x
        for x in y
]:
        def looped(): return (
lambda: 0)
    return x
try:
    def in_try(): pass
except f as g:
    class InExcept: y = [z for z in in_try()]
finally: pass
def ünïcode(): return lambda: 0
class Ünï: ß = lambda: 0
def last(): return [x for x in y]; (lambda: 0)
class Globals:
    def declare(self):
        global a, b, c, d, e, f, g, h, i
    def method_a(self):
        def a(): pass
        class A: pass
    def method_b(self):
        def b(): pass
        class B: pass
    def method_c(self):
        def c(): pass
        class C: pass
    def method_d(self):
        def d(): pass
        class D: pass
    def method_e(self):
        def e(): pass
        class E: pass
    def method_f(self):
        def f(): pass
        class F: pass
    def method_g(self):
        def g(): pass
        class G: pass
    def method_h(self):
        def h(): pass
        class H: pass
    def method_i(self):
        def i(): pass
        class I: pass
