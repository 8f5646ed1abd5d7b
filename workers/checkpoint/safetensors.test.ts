import { describe, expect, it } from 'vitest';
import { openSafetensors } from './safetensors.ts';
import { compareLogits, folderFiles, missingFixtures, readExpected } from './testing/fixtures.ts';

describe.skipIf(missingFixtures())('openSafetensors', () => {
  it.each(['phi3-mini-4k', 'phi3.5-mini', 'phi4-mini', 'phi4', 'phi3.5-mini/mlx-4bit', 'phi3.5-mini/mlx-8bit', 'phi4-mini/mlx-4bit', 'phi4-mini/mlx-8bit'])(
    'reads %s: logits within 0.05 of its reference',
    async (folder) => {
      const checkpoint = await openSafetensors(folderFiles(folder));
      const { error, greedyEqual } = await compareLogits(checkpoint, readExpected(`${folder}/expected.json`));
      expect(error).toBeLessThan(0.05);
      expect(greedyEqual).toBe(true);
    },
  );
});
