// A web service with a cache on the V8 heap and buffers outside it.
const cache = new Map();
for (let item = 0; item < 150000; item++) {
  cache.set(`item-${item}`, { price: item * 1.01, words: [`a${item}`, `b${item}`] });
}
const pages = Array.from({ length: 40 }, (_, page) => Buffer.alloc(512 * 1024, page));
setInterval(() => cache.size + pages.length, 60000);
console.log("ready");
